export { hasMedia, isMedia, isReadyMedia, mediaOf, type ReadyMedia } from '../core/media-parts.ts'
