export { describedBy, wordsFor } from '../core/schema-words.ts'
