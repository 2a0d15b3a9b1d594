import { Agent, request } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'
import { isSeenAtOnce } from '../at-once.ts'
import { rawRequest } from './raw-client.ts'

const ask = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hi' }] }
const lines = [{ n: 1 }, { n: 'zwei ü' }, { n: 3 }]
const wire = '{"n":1}\n{"n":"zwei ü"}\n{"n":3}\n'

let server: FakeOllama

beforeEach(async () => {
  server = await fakeOllama()
})
afterEach(async () => {
  await server.close()
})

const post = (body: unknown = ask, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.url}/api/chat`, { method: 'POST', body: JSON.stringify(body), ...init })

/** A client with one connection that it keeps: `fetch` opens a spare one now and then. */
function kept(): Disposable & { get(path: string): Promise<string> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const get = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const client = request(server.url + path, { agent }, (response) => {
        let text = ''
        response.on('data', (piece) => (text += String(piece)))
        response.on('end', () => resolve(text))
      })
      client.on('error', reject).end()
    })
  return { get, [Symbol.dispose]: () => agent.destroy() }
}

describe('gates and delays', () => {
  test('a gate holds back what comes after holdAfter records', async () => {
    const gate = server.gate()
    server.reply({ lines, gate, holdAfter: 1 })
    const reader = (await post()).body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('{"n":1}\n')
    await gate.arrival()
    expect(gate.waiting).toBe(1)
    gate.pass()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('{"n":"zwei ü"}\n')
    await gate.arrival()
    gate.open()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('{"n":3}\n')
    expect((await reader?.read())?.done).toBe(true)
    expect(gate.waiting).toBe(0)
  })

  test('a gate after the last record holds the end back', async () => {
    const gate = server.gate()
    server.reply({ lines: [{ n: 1 }], gate, holdAfter: 1 })
    const reader = (await post()).body?.getReader()
    await reader?.read()
    await gate.arrival()
    const ended = reader?.read()
    gate.open()
    expect((await ended)?.done).toBe(true)
  })

  test('a gate without holdAfter lets the headers go and nothing else', async () => {
    const gate = server.gate()
    server.reply({ lines, gate, splitBytes: 5 })
    const response = await post()
    expect(response.status).toBe(200)
    gate.open()
    expect(await response.text()).toBe(wire)
  })

  test('headersGate holds everything back', async () => {
    const headersGate = server.gate()
    server.reply({ lines, headersGate })
    let answered = false
    const response = post().then((got) => {
      answered = true
      return got
    })
    await headersGate.arrival()
    expect(answered).toBe(false)
    headersGate.open()
    expect(await (await response).text()).toBe(wire)
  })

  test('one gate holds several answers and lets them through one at a time', async () => {
    const gate = server.gate()
    server.default({ text: 'x', headersGate: gate })
    const done: number[] = []
    const all = [1, 2].map((n) => post().then(() => done.push(n)))
    await expect.poll(() => gate.waiting).toBe(2)
    gate.pass()
    await Promise.race(all)
    expect(done).toHaveLength(1)
    gate.open()
    await Promise.all(all)
  })

  test('a client that leaves gives its place at the gate up', async () => {
    const gate = server.gate()
    server.reply({ lines, headersGate: gate })
    const controller = new AbortController()
    const response = post(ask, { signal: controller.signal })
    await gate.arrival()
    controller.abort()
    await expect(response).rejects.toThrow('aborted')
    await server.idle()
    expect(gate.waiting).toBe(0)
  })

  test('delays run on the clock that is given', async () => {
    const clock = new FakeClock()
    await using slow = await fakeOllama({ clock })
    slow.reply({ lines: [{ n: 1 }, { n: 2 }], delayMs: 60_000, recordDelayMs: 5_000 })
    const response = fetch(`${slow.url}/api/chat`, { method: 'POST', body: JSON.stringify(ask) })
    await expect.poll(() => clock.timers).toBe(1)
    await clock.advance(60_000)
    const text = (await response).text()
    await expect.poll(() => clock.timers).toBe(1)
    await clock.advance(5_000)
    expect(await text).toBe('{"n":1}\n{"n":2}\n')
  })

  test('a client that leaves takes its timer with it', async () => {
    const clock = new FakeClock()
    await using slow = await fakeOllama({ clock })
    slow.reply({ text: 'x', delayMs: 60_000 })
    const controller = new AbortController()
    const options = { method: 'POST', body: JSON.stringify(ask), signal: controller.signal }
    const response = fetch(`${slow.url}/api/chat`, options)
    await expect.poll(() => clock.timers).toBe(1)
    controller.abort()
    await expect(response).rejects.toThrow('aborted')
    await slow.idle()
    expect(clock.timers).toBe(0)
  })
})

describe('what it tells about the client', () => {
  test('requests are recorded in order, with everything', async () => {
    await (await post()).text()
    await (await fetch(`${server.url}/api/tags?x=1`, { headers: { 'X-Own': 'yes' } })).text()
    const [first, second] = server.requests
    expect(first).toMatchObject({ method: 'POST', path: '/api/chat', query: '', body: ask })
    expect(first?.bodyText).toBe(JSON.stringify(ask))
    expect(second).toMatchObject({ method: 'GET', path: '/api/tags', query: '?x=1', bodyText: '' })
    expect(second?.body).toBeUndefined()
    expect(second?.headers['x-own']).toBe('yes')
    expect(second?.at).toBeGreaterThanOrEqual(first?.at ?? Infinity)
  })

  test('an abort shows as a closed socket, with its time', async () => {
    const gate = server.gate()
    server.reply({ lines, gate, holdAfter: 1 })
    const client = request(`${server.url}/api/chat`, { method: 'POST' }).on('error', () => {})
    client.end(JSON.stringify(ask))
    await gate.arrival()
    const [seen] = server.requests
    expect(seen?.socketClosedAt).toBeUndefined()
    expect(server.connections).toBe(1)
    const mark = performance.now()
    const isClosed = (): boolean => seen?.socketClosedAt !== undefined
    expect(await isSeenAtOnce(isClosed, () => client.destroy())).toBe(true)
    const closedAt = (await seen?.closed) ?? Infinity
    expect(closedAt).toBeGreaterThanOrEqual(mark)
    expect(closedAt).toBeLessThanOrEqual(performance.now())
    expect(seen?.socketClosedAt).toBe(closedAt)
    expect([server.connections, gate.waiting]).toEqual([0, 0])
  })

  test('connections are counted and told apart', async () => {
    using agent = kept()
    await agent.get('/')
    await agent.get('/')
    await rawRequest(server.url, 'GET', '/')
    expect(server.connectionsOpened).toBe(2)
    expect(server.connections).toBe(1)
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2])
  })

  test('the newest recordsMax requests are kept', async () => {
    await using small = await fakeOllama({ recordsMax: 3 })
    for (let n = 1; n <= 5; n++) await (await fetch(`${small.url}/api/version?n=${n}`)).text()
    expect(small.requests.map(({ query }) => query)).toEqual(['?n=3', '?n=4', '?n=5'])
    expect(small.requestCount).toBe(5)
  })

  test('a kept connection gathers no listeners', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): number => warnings.push(warning)
    process.on('warning', onWarning)
    using agent = kept()
    for (let n = 0; n < 50; n++) await agent.get('/api/version')
    expect(server.connectionsOpened).toBe(1)
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  test('Connection is not mentioned where the client did not ask, and kept connections live on', async () => {
    const response = await post()
    await response.text()
    expect([...response.headers.keys()].toSorted()).toEqual(['content-type', 'date', 'transfer-encoding'])
  })
})

describe('the script', () => {
  test('queued replies come in order, then the standing one', async () => {
    server.default({ body: 'standing' })
    server.reply({ body: 'one' }, { body: 'two' })
    expect(server.queued).toBe(2)
    const said = async (): Promise<string> => (await post()).text()
    expect([await said(), await said(), await said(), await said()]).toEqual([
      'one',
      'two',
      'standing',
      'standing',
    ])
    expect(server.queued).toBe(0)
  })

  test('a function makes the reply of the request', async () => {
    server.default(async ({ bodyText }) => ({ body: `${bodyText.length} bytes` }))
    expect(await (await post()).text()).toBe(`${JSON.stringify(ask).length} bytes`)
  })

  test('a function that throws shows on the client’s side', async () => {
    server.reply(() => {
      throw new Error('expected something else')
    })
    const response = await post()
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('far end failed: Error: expected something else')
  })

  test('every path can be scripted, known or not, by method too', async () => {
    server.on('/api/embed', { body: { embeddings: [[1]] } })
    server.once('/api/version', { status: 500, error: 'no' })
    server.on('DELETE /api/delete', { body: '' })
    const text = async (path: string, method: string): Promise<string> =>
      (await fetch(server.url + path, { method })).text()
    expect(await text('/api/embed', 'POST')).toBe('{"embeddings":[[1]]}')
    expect(await text('/api/version', 'GET')).toBe('{"error":"no"}')
    expect(await text('/api/version', 'GET')).toBe('{"version":"0.33.0"}')
    expect(await text('/api/delete', 'DELETE')).toBe('')
    expect(await text('/api/delete', 'POST')).toBe('405 method not allowed')
  })

  test('reset forgets requests and scripts', async () => {
    server.reply('never')
    server.on('/api/version', { body: 'x' })
    await (await fetch(`${server.url}/api/version`)).text()
    server.reset()
    expect([server.queued, server.requests.length]).toEqual([0, 0])
    expect(await (await fetch(`${server.url}/api/version`)).json()).toEqual({ version: '0.33.0' })
  })
})

describe('the end', () => {
  test('close breaks what is open, and may be called twice', async () => {
    server.reply({ lines, stallAfter: 0 })
    const response = await post()
    await server.close()
    await server.close()
    await expect(response.text()).rejects.toThrow('terminated')
    expect([server.connections, server.inFlight]).toEqual([0, 0])
    await expect(post()).rejects.toThrow('fetch failed')
  })

  test('idle waits for what is in flight', async () => {
    const gate = server.gate()
    server.reply({ text: 'x', headersGate: gate })
    const response = post()
    await gate.arrival()
    let idle = false
    const waited = server.idle().then(() => (idle = true))
    await new Promise(setImmediate)
    expect(idle).toBe(false)
    gate.open()
    await (await response).text()
    await waited
    expect(idle).toBe(true)
  })
})
