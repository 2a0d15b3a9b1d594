import { connect, type Socket } from 'node:net'

/** What a bare socket got for one request. */
export interface RawAnswer {
  readonly statusLine: string
  /** In the order and the spelling of the wire. */
  readonly headers: readonly (readonly [string, string])[]
  /** The body's pieces: one for each chunk, or one where it is counted. */
  readonly pieces: readonly Buffer[]
  /** Whether a chunked body had its terminator, or a counted one all its bytes. */
  readonly complete: boolean
  readonly body: string
}

/** Sends bytes to a server and reads until it closes. */
export function rawBytes(
  url: string,
  request: string,
): Promise<{ bytes: Buffer; error: string | undefined }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let error: string | undefined
    const socket: Socket = connect(Number(port), hostname, () => socket.write(request))
    socket.on('data', (piece) => pieces.push(piece))
    socket.on('error', (fault: NodeJS.ErrnoException) => (error = fault.code))
    socket.on('close', () => resolve({ bytes: Buffer.concat(pieces), error }))
  })
}

/** One request on a connection of its own, answered and taken apart. */
export async function rawRequest(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<RawAnswer> {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`
  const { bytes } = await rawBytes(url, head + text)
  return takeApart(bytes)
}

function takeApart(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })
  const rest = bytes.subarray(end + 4)
  const chunked = headers.some(([name, value]) => name === 'Transfer-Encoding' && value === 'chunked')
  const promised = Number(headers.find(([name]) => name === 'Content-Length')?.[1] ?? 0)
  const { pieces, complete } = chunked
    ? chunksOf(rest)
    : { pieces: rest.length > 0 ? [rest] : [], complete: rest.length === promised }
  return { statusLine, headers, pieces, complete, body: Buffer.concat(pieces).toString('utf8') }
}

function chunksOf(bytes: Buffer): { pieces: Buffer[]; complete: boolean } {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    if (size === 0) return { pieces, complete: true }
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
  return { pieces, complete: false }
}
