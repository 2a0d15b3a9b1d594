export { isObject, leadingObject, messageOf, plainText } from '../core/error-text.ts'
