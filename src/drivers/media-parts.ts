export { hasMedia, isMedia, isReadyMedia, type ReadyMedia } from '../core/media-parts.ts'
