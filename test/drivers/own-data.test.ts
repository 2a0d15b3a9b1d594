import { expect, it } from 'vitest'
import type { Message } from '../../src/core/message.ts'
import type { DriverEvent } from '../../src/core/stream.ts'
import { UNKNOWN_USAGE } from '../../src/core/usage.ts'
import { marked, withOwnData } from '../../src/drivers/own-data.ts'

const OAK = { provider: 'grove', model: 'oak' }
const END = { type: 'end', finishReason: { unified: 'stop', raw: 'stop' }, usage: UNKNOWN_USAGE } as const

it('marks what an answer keeps with whose it is, and nothing else', () => {
  const plain: readonly DriverEvent[] = [{ type: 'text-end' }, END]
  const nothing = { rateLimits: undefined, facts: undefined }
  expect(marked(plain, OAK, nothing)).toBe(plain)
  const call = { id: 'c', name: 'f', arguments: {}, providerData: 3 }
  const events: readonly DriverEvent[] = [
    { type: 'text-end', providerData: 1 },
    { type: 'reasoning-end', providerData: 2 },
    { type: 'tool-call', call },
    { type: 'text-delta', text: 'x' },
    // What the body says counts for more.
    { ...END, billing: { model: 'oak' } },
  ]
  const rateLimits = { tokens: { remaining: 7 } }
  const facts = { tier: 'flex', model: 'x' }
  expect(marked(events, OAK, { rateLimits, facts })).toEqual([
    { type: 'text-end', providerData: { ...OAK, data: 1 } },
    { type: 'reasoning-end', providerData: { ...OAK, data: 2 } },
    { type: 'tool-call', call: { ...call, providerData: { ...OAK, data: 3 } } },
    { type: 'text-delta', text: 'x' },
    { ...END, rateLimits, billing: { tier: 'flex', model: 'oak' } },
  ])
})

it('gives back what is its own, as it was, and takes the rest away', () => {
  const part = (providerData: unknown): object => ({ type: 'reasoning', text: '', providerData })
  const foreign = [
    { ...OAK, model: 'ash', data: 1 },
    { ...OAK, provider: 'wood', data: 1 },
    { data: 1 },
    'x',
    null,
  ]
  const content = [
    part({ ...OAK, data: { a: 1 } }),
    ...foreign.map(part),
    { type: 'text', text: 'x', providerData: 7 },
  ] as Message['content']
  const bare = { role: 'user', content: 'Hi' } as const
  const request = {
    model: 'oak',
    stream: true,
    providerOptions: {},
    messages: [bare, { role: 'assistant', content } as const],
  }
  const [first, second] = withOwnData(request, OAK).messages
  expect(first).toBe(bare)
  expect(second?.content).toEqual([part({ a: 1 }), { type: 'text', text: 'x' }])
  const without = { ...request, messages: [bare] }
  expect(withOwnData(without, OAK)).toBe(without)
})
