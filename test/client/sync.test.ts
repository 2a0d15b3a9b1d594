import { expect, test } from 'vitest'
import { createAI } from '../../src/index.ts'
import { mock } from '../../src/drivers/mock/index.ts'

test('syncModels says what came, changed and went, and one that is down does not hold up the others', async () => {
  const models = [
    { id: 'a', contextLength: 8 },
    { id: 'b', contextLength: 8 },
  ]
  const ai = createAI({ providers: { up: mock({ models }), down: mock({ up: false }) } })
  const told: unknown[] = []
  ai.on('modelsSynced', ({ provider, added }) => void told.push([provider, added.length]))
  const [first, failed] = await ai.syncModels()
  expect(first).toMatchObject({
    provider: 'up',
    status: 'synced',
    added: [{ id: 'a' }, { id: 'b' }],
    removed: [],
  })
  expect(failed).toMatchObject({
    provider: 'down',
    status: 'failed',
    error: { code: 'provider_unavailable' },
  })
  expect(told).toEqual([['up', 2]])

  const before = [
    { id: 'b', provider: 'up', contextLength: 4, capabilities: [], raw: undefined },
    { id: 'c', provider: 'up', capabilities: [], raw: undefined },
  ]
  const [second] = await ai.syncModels({ up: before })
  expect(second).toMatchObject({ added: [{ id: 'a' }], changed: [{ id: 'b' }], removed: [{ id: 'c' }] })
  const [third] = await ai.syncModels()
  expect(third).toMatchObject({ added: [], changed: [], removed: [] })
})
