import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How many records a stream has. */
export const RECORDS = 500

const ANSWER = JSON.stringify({
  model: 'stand-in',
  created_at: '2026-01-01T00:00:00Z',
  message: { role: 'assistant', content: 'x'.repeat(440) },
  done: true,
  prompt_eval_count: 12,
  eval_count: 120,
})

const LINES = Array.from({ length: RECORDS }, (_, n) =>
  Buffer.from(
    `${JSON.stringify({
      model: 'stand-in',
      created_at: '2026-01-01T00:00:00Z',
      message: { role: 'assistant', content: ` word${n}` },
      done: n === RECORDS - 1,
    })}\n`,
  ),
)

/** The stand-in for a model server, in a process of its own: its work is not counted. */
export function serve(): void {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => answer(request.url, response))
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

function answer(url: string | undefined, response: ServerResponse): void {
  if (url === '/burst') {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    // The socket is held back, not the response: so each record stays an HTTP chunk of its own.
    response.socket?.cork()
    for (const line of LINES) response.write(line)
    response.end()
    response.socket?.uncork()
  } else if (url === '/live') {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.socket?.setNoDelay(true)
    let next = 0
    const step = (): void => {
      const line = LINES[next]
      next += 1
      if (line === undefined) {
        response.end()
        return
      }
      response.write(line)
      setImmediate(step)
    }
    step()
  } else {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(ANSWER),
    })
    response.end(ANSWER)
  }
}
