import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How many records a stream has. */
export const RECORDS = 500

const SHOW = JSON.stringify({
  details: { format: 'gguf', family: 'llama' },
  model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 },
  capabilities: ['completion'],
})

const STAMP = { model: 'stand-in', created_at: '2026-01-01T00:00:00.000000000Z' }
const LAST = { done: true, done_reason: 'stop', total_duration: 9e8, prompt_eval_count: 12, eval_count: 120 }

const ANSWER = JSON.stringify({ ...STAMP, message: { role: 'assistant', content: 'x'.repeat(440) }, ...LAST })

const LINES = Array.from({ length: RECORDS }, (_, index) => {
  const message = { role: 'assistant', content: ` word${index}` }
  return Buffer.from(
    `${JSON.stringify({ ...STAMP, message, ...(index === RECORDS - 1 ? LAST : { done: false }) })}\n`,
  )
})

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

/** `/burst/…` streams in one piece, `/live/…` one write per record; everything else is whole. */
function answer(path: string, response: ServerResponse): void {
  if (path.startsWith('/burst') && !path.endsWith('/show')) burst(response)
  else if (path.startsWith('/live') && !path.endsWith('/show')) live(response)
  else whole(path.endsWith('/show') ? SHOW : ANSWER, response)
}

function whole(body: string, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function burst(response: ServerResponse): void {
  const { socket } = response
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  // The socket is corked, not the response: each record stays an HTTP chunk of its own.
  socket?.cork()
  for (const line of LINES) response.write(line)
  response.end()
  socket?.uncork()
}

function live(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.socket?.setNoDelay(true)
  let next = 0
  const step = (): void => {
    const line = LINES[next++]
    if (line === undefined) {
      response.end()
      return
    }
    response.write(line)
    setImmediate(step)
  }
  step()
}
