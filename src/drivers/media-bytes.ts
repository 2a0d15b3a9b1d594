/** Media types by the bytes with which a file of them begins. `?` is any byte. */
const SIGNATURES: readonly (readonly [mediaType: string, bytes: string])[] = [
  ['image/png', '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF8'],
  ['image/webp', 'RIFF????WEBP'],
  ['audio/wav', 'RIFF????WAVE'],
  ['audio/mpeg', 'ID3'],
  ['audio/mpeg', '\xff\xfb'],
  ['audio/mpeg', '\xff\xf3'],
  ['audio/mpeg', '\xff\xf2'],
  ['audio/flac', 'fLaC'],
  ['audio/ogg', 'OggS'],
  ['audio/mp4', '????ftypM4A'],
  ['application/pdf', '%PDF-'],
]

/** Enough base64 to tell a media type by, in characters. */
const HEAD_CHARS = 64
/** How many bytes are put into one text at a time: a whole number of base64 groups, and no deep stack. */
const CHUNK_BYTES = 3 * 8_192

/** The media type of a file by its first bytes; undefined for what is not known. */
export function mediaTypeOf(base64: string): string | undefined {
  const head = base64.slice(0, HEAD_CHARS)
  const bytes = atob(head.slice(0, head.length - (head.length % 4)))
  return SIGNATURES.find(([, signature]) => {
    return Array.from(signature).every((char, index) => char === '?' || bytes[index] === char)
  })?.[0]
}

/** Media types by the ends of names. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  m4a: 'audio/mp4',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  pdf: 'application/pdf',
}

/** The media type of what an address leads to, by the end of its path; undefined where that tells nothing. */
export function mediaTypeByName(url: string): string | undefined {
  const extension = /\.([a-z0-9]+)$/i.exec(URL.parse(url)?.pathname ?? '')?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined
}

/** Standard base64, padded, of bytes. */
export function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES))))
  }
  return pieces.join('')
}

/** Standard base64, padded, of either alphabet with white space in it or not; undefined for what is no base64. */
export function toStandardBase64(text: string): string | undefined {
  const standard = text
    .replace(/\s+/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={1,2}$/, '')
  if (standard.length % 4 === 1 || !/^[A-Za-z0-9+/]+$/.test(standard)) return undefined
  return standard.padEnd(Math.ceil(standard.length / 4) * 4, '=')
}

/** How many bytes a padded base64 text stands for. */
export function bytesIn(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  return (base64.length / 4) * 3 - padding
}

/** What a `data:` address (RFC 2397) holds, as base64; undefined for what is none. */
export function dataUrlContent(url: string): string | undefined {
  const [, attributes = '', content] = /^data:([^,]*),(.*)$/is.exec(url) ?? []
  if (content === undefined) return undefined
  if (/;\s*base64$/i.test(attributes)) return toStandardBase64(unescaped(content))
  return toBase64(new TextEncoder().encode(unescaped(content)))
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
