import { afterEach, describe, expect, test } from 'vitest'
import {
  FakeClock,
  startMeteredProvider,
  type MeteredPrice,
  type MeteredProvider,
  type MeteredReply,
} from '../../src/testing/index.ts'

// $1 and $10 per million tokens: 10 tokens of input are 0.00001, 100 of output 0.001. `Hello you` is 9 bytes: 3 tokens,
// 4 for the message and 3 for the request.
const PRICE: MeteredPrice = { input: '1', output: '10' }
const INPUT = '0.00001'
const WHOLE = '0.00101'

let provider: MeteredProvider

async function start(
  manner: MeteredReply = {},
  price: MeteredPrice = PRICE,
  clock?: FakeClock,
): Promise<void> {
  provider = await startMeteredProvider({ models: { m: price }, manner, ...(clock && { clock }) })
}

afterEach(async () => {
  await provider.close()
})

function ask(
  more: object = {},
  init: RequestInit = {},
  path: string = '/chat/completions',
): Promise<Response> {
  const body = { model: 'm', messages: [{ role: 'user', content: 'Hello you' }], ...more }
  return fetch(provider.baseUrl + path, { method: 'POST', body: JSON.stringify(body), ...init })
}

const STREAM = { stream: true, stream_options: { include_usage: true } }

/** What one bill says. */
function lastBill(): object {
  const bill = provider.bills().at(-1)
  return { ...bill, amount: String(bill?.amount) }
}

/** Reads so many tokens of a stream, and leaves. */
async function readTokens(count: number, response: Response): Promise<void> {
  let text = ''
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece).toString()
    if (text.split('"word').length > count) return
  }
}

describe('a provider that bills', () => {
  test('charges exactly what it read and wrote, whole and streamed, and says so', async () => {
    await start()
    const whole = (await (await ask()).json()) as { usage: object }
    expect(whole.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 100, total_tokens: 110 })
    expect(String(provider.billed())).toBe(WHOLE)
    const streamed = await (await ask(STREAM)).text()
    expect(streamed).toContain('"prompt_tokens":10,"completion_tokens":100')
    expect(streamed.match(/"content":"word"/g)).toHaveLength(100)
    expect(String(provider.billed())).toBe('0.00202')
    expect(String(provider.billed('m'))).toBe('0.00202')
    expect(String(provider.billed('other'))).toBe('0')
    expect(provider.requestCount).toBe(2)
    expect(lastBill()).toEqual({
      model: 'm',
      inputTokens: 10,
      outputTokens: 100,
      amount: WHOLE,
      end: 'answered',
    })
  })

  test('stops at the limit that is sent, under both of its names, unless it is a liar', async () => {
    await start()
    await (await ask({ max_tokens: 7 })).json()
    expect(lastBill()).toMatchObject({ outputTokens: 7, amount: '0.00008' })
    const cut = (await (await ask({ max_completion_tokens: 20 })).json()) as {
      choices: { finish_reason: string }[]
    }
    expect(cut.choices[0]?.finish_reason).toBe('length')
    expect(lastBill()).toMatchObject({ outputTokens: 20 })
    provider.reply({ ignoresLimit: true })
    await (await ask({ max_tokens: 7 })).json()
    expect(lastBill()).toMatchObject({ outputTokens: 100, amount: WHOLE })
  })

  test.each([
    ['all of the answer', {}, 100, WHOLE],
    ['as much as it goes on to write', { goesOn: 15 }, undefined, undefined],
    ['no more than it wrote', { goesOn: 0 }, undefined, undefined],
  ])('bills a client that left a stream for %s', async (_, manner, tokens, amount) => {
    await start()
    const gate = provider.gate()
    provider.reply({ ...manner, gate, holdAfter: 40 })
    await readTokens(40, await ask(STREAM))
    await provider.settled()
    expect(lastBill()).toMatchObject({ end: 'left', inputTokens: 10 })
    const { goesOn = 60 } = manner as MeteredReply
    expect(lastBill()).toMatchObject({
      outputTokens: tokens ?? 40 + goesOn,
      amount: amount ?? (goesOn === 15 ? '0.00056' : '0.00041'),
    })
  })

  test('bills a client that left before a whole answer came', async () => {
    await start()
    provider.reply({ gate: provider.gate() })
    const controller = new AbortController()
    const asked = ask({}, { signal: controller.signal })
    await provider.arrived(1)
    expect(String(provider.billed())).toBe(INPUT)
    controller.abort()
    await expect(asked).rejects.toThrow(/abort/)
    await provider.settled()
    expect(lastBill()).toMatchObject({ end: 'left', amount: WHOLE })
  })

  test('bills a stream that it breaks off itself, before the counts', async () => {
    await start({ cutAfter: 30 })
    const reading = ask(STREAM).then((response) => response.text())
    await expect(reading).rejects.toThrow(/terminated|fetch failed/)
    await provider.settled()
    expect(lastBill()).toMatchObject({ end: 'left', amount: WHOLE })
  })

  test('errors are free before the work, and cost all of it after', async () => {
    await start()
    provider.reply({ status: 429 }, { status: 500, billsError: true })
    expect((await ask()).status).toBe(429)
    expect(lastBill()).toMatchObject({ end: 'refused', inputTokens: 0, amount: '0' })
    expect((await ask()).status).toBe(500)
    expect(lastBill()).toMatchObject({ end: 'failed', amount: WHOLE })
    expect((await ask({ messages: [] })).status).toBe(400)
    expect((await ask({ model: 'nobody' })).status).toBe(404)
    expect(String(provider.billed())).toBe(WHOLE)
  })

  test('can tell zeros, nothing, another name, and half of an answer', async () => {
    await start()
    provider.reply({ tells: 'zeros' }, { tells: 'nothing', names: 'm-2026' }, { spoils: 500 })
    expect(await (await ask()).json()).toMatchObject({ usage: { prompt_tokens: 0, completion_tokens: 0 } })
    const silent = (await (await ask()).json()) as object
    expect(silent).toMatchObject({ model: 'm-2026' })
    expect(silent).not.toHaveProperty('usage')
    const spoilt = await ask()
    expect(spoilt.status).toBe(200)
    await expect(spoilt.json()).rejects.toThrow(/JSON/)
    expect(String(provider.billed())).toBe('0.00303')
  })

  test('has a dearer tier for long requests, from one token above it', async () => {
    // 10 tokens are not above 10.
    await start({}, { ...PRICE, longContext: { above: 10, input: '2', output: '20' } })
    await (await ask()).json()
    expect(lastBill()).toMatchObject({ amount: WHOLE })
    await (await ask({ messages: [{ role: 'user', content: 'Hello you, and you' }] })).json()
    // 18 bytes: 5 tokens, and 7 around them.
    expect(lastBill()).toMatchObject({ inputTokens: 12, amount: '0.002024' })
  })

  test('has another price from a moment on: what counts is when it is done', async () => {
    const clock = new FakeClock({ startMs: 1_000 })
    await start({ tokenMs: 1 }, { ...PRICE, changes: [{ at: 1_100, input: '2', output: '20' }] }, clock)
    const early = ask({ max_tokens: 99 })
    await provider.arrived(1)
    await clock.advance(99)
    await (await early).json()
    expect(lastBill()).toMatchObject({ amount: '0.001' })
    const late = ask({ max_tokens: 99 })
    await provider.arrived(2)
    await clock.advance(99)
    await (await late).json()
    expect(lastBill()).toMatchObject({ amount: '0.002' })
  })

  test('asks for tools until it has enough of their results', async () => {
    await start({ toolRounds: 1 })
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]
    const asked = (await (await ask({ tools })).json()) as {
      choices: { message: { tool_calls: { id: string }[] } }[]
    }
    const [call] = asked.choices[0]?.message.tool_calls ?? []
    expect(call).toMatchObject({ function: { name: 'look' } })
    const messages = [
      { role: 'user', content: 'Hello you' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: call?.id, content: 'There' },
    ]
    expect(await (await ask({ tools, messages })).json()).toMatchObject({
      choices: [{ finish_reason: 'stop' }],
    })
  })

  test('bills vectors by their input, as lists and as base64', async () => {
    await start()
    const listed = await ask({ input: ['four', 'eight by'], messages: undefined }, {}, '/embeddings')
    expect(await listed.json()).toMatchObject({
      data: [{ embedding: [0.6, 0, 0.8] }, { index: 1 }],
      usage: { prompt_tokens: 5, total_tokens: 5 },
    })
    const packed = await ask({ input: 'four', encoding_format: 'base64' }, {}, '/embeddings')
    const { data } = (await packed.json()) as { data: { embedding: string }[] }
    expect(Buffer.from(data[0]?.embedding ?? '', 'base64').readFloatLE(8)).toBeCloseTo(0.8)
    expect(String(provider.billed())).toBe('0.000007')
  })

  test('refuses prices that are no whole picos for a token', async () => {
    await start()
    for (const input of ['0.0000001', '-1']) {
      const models = { m: { input, output: '1' } }
      await expect(startMeteredProvider({ models })).rejects.toThrow(RangeError)
    }
  })
})
