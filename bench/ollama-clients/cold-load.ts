import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakeClock, type FakeOllama } from '../../dist/testing/index.js'
import type { Adapter, Client, Settings } from './clients/client.ts'
import { said } from './facts.ts'
import { LOCAL, outcomeOf, type Finding, type Trial } from './trial.ts'

/** Longer than the 300 s that Node's `fetch` waits for the first byte, unless it is told otherwise. */
const COLD_LOAD_MS = 305_000
/** The same in small: the limit of `fetch` shrunk from 300 s, and a first byte after it. */
const SMALL_LIMIT_MS = 1_000
const SMALL_LOAD_MS = 2_500
/** How long a client may take beyond the load, in small: some try again, with pauses. */
const SMALL_PATIENCE_MS = 12_000
const PATIENCE_MS = 15_000

/** What undici, the library under Node's `fetch`, sends requests with. */
interface Dispatcher {
  dispatch(options: object, handler: object): boolean
}

const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map((name) => Symbol.for(name))
const globals = globalThis as unknown as Record<symbol, Dispatcher | undefined>

/**
 * A model that takes more than five minutes to load, and sends nothing until then. With `--slow` by a real wait.
 * Without it in small: Node's own limit on the first byte is shrunk for all `fetch` that does not set one itself, so
 * that what a client does about the 300 s shows in seconds; a client that takes a clock is told that 305 s went by.
 */
export async function coldLoad({ adapter, client, server, slow }: Trial): Promise<Finding> {
  const loadMs = slow ? COLD_LOAD_MS : SMALL_LOAD_MS
  const patienceMs = loadMs + (slow ? PATIENCE_MS : SMALL_PATIENCE_MS)
  server.default({ text: 'ready', delayMs: loadMs })
  const restore = slow ? () => {} : await shrinkLimit()
  try {
    const [plain, own] = await Promise.all([
      slow ? load(client, server, patienceMs) : loadInSmall(adapter, server, patienceMs),
      adapter.takesFetch ? loadWithOwnFetch(adapter, server, patienceMs) : undefined,
    ])
    const how = slow ? '' : `in small (${SMALL_LIMIT_MS / 1_000} s for 300 s): `
    if (plain.ok) return { verdict: 'right', evidence: how + plain.said }
    if (!own?.ok) return { verdict: 'wrong', evidence: how + plain.said }
    return {
      verdict: 'partly',
      evidence: `${how}${plain.said}; right with a fetch of one's own without the limit`,
    }
  } finally {
    restore()
  }
}

interface Load {
  readonly ok: boolean
  readonly said: string
}

async function load(client: Client, server: FakeOllama, patienceMs: number, prompt = 'plain'): Promise<Load> {
  const from = performance.now()
  const outcome = await Promise.race([
    outcomeOf(client, { model: LOCAL, prompt }),
    sleep(patienceMs, undefined, { ref: false }),
  ])
  const seconds = ((performance.now() - from) / 1_000).toFixed(1)
  const requests = server.requests.filter(({ bodyText }) => bodyText.includes(prompt))
  const first = requests[0]
  const gaveUp =
    first?.socketClosedAt === undefined
      ? ''
      : `, the first ended after ${((first.socketClosedAt - first.at) / 1_000).toFixed(1)} s`
  const tries = requests.length > 1 ? `; ${requests.length} requests${gaveUp}` : ''
  if (!outcome) return { ok: false, said: `no answer after ${seconds} s${tries}` }
  if (outcome.failure) return { ok: false, said: `${said(outcome.failure.error)} after ${seconds} s${tries}` }
  return { ok: requests.length === 1, said: `answered after ${seconds} s${tries}` }
}

async function loadInSmall(adapter: Adapter, server: FakeOllama, patienceMs: number): Promise<Load> {
  const clock = new FakeClock()
  const client = adapter.open({ baseUrl: server.url, clock })
  try {
    if (!client.clocked) return await load(client, server, patienceMs)
    const loading = load(client, server, patienceMs)
    while (server.requestCount === 0) await sleep(10)
    await clock.advance(COLD_LOAD_MS)
    const { ok, said } = await loading
    return { ok, said: `${said}, with 305 s gone by on its own clock meanwhile` }
  } finally {
    await client.close?.()
  }
}

async function loadWithOwnFetch(adapter: Adapter, server: FakeOllama, patienceMs: number): Promise<Load> {
  const fetch: Settings['fetch'] = (input, init) => {
    const dispatcher = withLimit(globals[DISPATCHERS[0] as symbol], 0)
    return globalThis.fetch(input, { ...init, dispatcher } as RequestInit)
  }
  return load(adapter.open({ baseUrl: server.url, fetch }), server, patienceMs, 'own fetch')
}

let shrunk = 0
let originals: (Dispatcher | undefined)[] = []

/** Clients wait next to each other: the first one shrinks the limit, the last one puts it back. */
async function shrinkLimit(): Promise<() => void> {
  // The dispatcher is made by the first use of `fetch`.
  await fetch('data:,')
  if (shrunk++ === 0) {
    originals = DISPATCHERS.map((name) => globals[name])
    for (const [at, name] of DISPATCHERS.entries())
      if (originals[at]) globals[name] = withLimit(originals[at], SMALL_LIMIT_MS)
  }
  return () => {
    if (--shrunk === 0) for (const [at, name] of DISPATCHERS.entries()) globals[name] = originals[at]
  }
}

/** The same dispatcher with another limit on the first byte, for requests that do not set their own. */
function withLimit(base: Dispatcher | undefined, headersTimeout: number): Dispatcher {
  return {
    dispatch: (options, handler) => base?.dispatch({ headersTimeout, ...options }, handler) ?? false,
  }
}
