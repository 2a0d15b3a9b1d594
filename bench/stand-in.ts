import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PROTOCOLS, type Protocol } from './protocols.ts'

const SHOW = JSON.stringify({
  details: { format: 'gguf', family: 'llama' },
  model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 },
  capabilities: ['completion'],
})

/** What is sent for a protocol, made once. */
interface Prepared {
  readonly whole: string
  readonly lines: readonly Buffer[]
  readonly type: string
}

const PREPARED: ReadonlyMap<string, Prepared> = new Map(
  Object.entries(PROTOCOLS).map(([name, protocol]) => [`as-${name}`, prepare(protocol)]),
)

function prepare({ answer, records, framing, last }: Protocol): Prepared {
  const lines = records.map((record) => {
    const json = JSON.stringify(record)
    return framing === 'ndjson' ? `${json}\n` : `${eventLine(record)}data: ${json}\n\n`
  })
  const type = framing === 'ndjson' ? 'application/x-ndjson' : 'text/event-stream'
  const all = last === undefined ? lines : [...lines, last]
  return { whole: JSON.stringify(answer), lines: all.map((line) => Buffer.from(line)), type }
}

/** OpenAI names the type of its events twice. */
function eventLine(record: object): string {
  return 'type' in record ? `event: ${String(record.type)}\n` : ''
}

/** The stand-in for a model server, in a process of its own so that its work is not counted; tells its port. */
export function serve(): void {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => answer(request.url ?? '', response))
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

/** `/as-PROTOCOL/burst/…` streams in one piece, `/as-PROTOCOL/live/…` one write per record; everything else is whole. */
function answer(path: string, response: ServerResponse): void {
  const [, name = '', mode = ''] = path.split('/')
  const prepared = PREPARED.get(name)
  if (path.endsWith('/show')) whole(SHOW, response)
  else if (!prepared) response.writeHead(404).end()
  else if (mode === 'burst') burst(prepared, response)
  else if (mode === 'live') live(prepared, response)
  else whole(prepared.whole, response)
}

function whole(body: string, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function burst({ lines, type }: Prepared, response: ServerResponse): void {
  const { socket } = response
  response.writeHead(200, { 'content-type': type })
  // The socket is corked, not the response: each record stays an HTTP chunk of its own.
  socket?.cork()
  for (const line of lines) response.write(line)
  response.end()
  socket?.uncork()
}

function live({ lines, type }: Prepared, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': type })
  response.socket?.setNoDelay(true)
  let next = 0
  const step = (): void => {
    const line = lines[next++]
    if (line === undefined) {
      response.end()
      return
    }
    response.write(line)
    setImmediate(step)
  }
  step()
}
