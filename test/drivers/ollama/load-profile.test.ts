import { describe, expect, it } from 'vitest'
import type { AIResponse, CallOptions, Warning } from '../../../src/index.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { openWorld, type World } from './world.ts'

const settings = (ollama: Readonly<Record<string, unknown>>): CallOptions => ({ providerOptions: { ollama } })
const codes = ({ warnings }: Pick<AIResponse, 'warnings'>): readonly string[] =>
  warnings.map(({ code }) => code)

function optionsSent(world: World, path: string = '/api/chat'): readonly unknown[] {
  const requests = world.server.requests.filter(
    (request) => request.path === path && request.method === 'POST',
  )
  return requests.map(({ body }) => (body as { options?: unknown }).options)
}

describe('the settings that a model is loaded with', () => {
  it('are those of the first call, for every call that names none', async () => {
    await using world = await openWorld()
    const load = {
      numCtx: 8_192,
      numBatch: 256,
      numGpu: 0,
      mainGpu: 1,
      useMmap: false,
      numThread: 4,
      draftNumPredict: 2,
    }
    const wire = {
      num_ctx: 8_192,
      num_batch: 256,
      num_gpu: 0,
      main_gpu: 1,
      use_mmap: false,
      num_thread: 4,
      draft_num_predict: 2,
    }
    const first = await world.ai.sendMessage('Hi', settings(load))
    const second = await world.ai.sendMessage('Title?', { temperature: 0 })
    const third = await world.ai.streamMessage('Hi', settings({ numThread: 4 })).response
    expect(optionsSent(world)).toEqual([wire, { ...wire, temperature: 0 }, wire])
    for (const answer of [first, second, third]) expect(codes(answer)).toEqual([])
  })

  it('are changed by a call that names others, with one warning that says which', async () => {
    await using world = await openWorld()
    await world.ai.sendMessage('Hi', settings({ numCtx: 8_192, numGpu: 0 }))
    const other = await world.ai.sendMessage(
      'Hi',
      settings({ numCtx: 4_096, numGpu: 1, numThread: 2, minP: 0.1 }),
    )
    expect(other.warnings).toEqual<Warning[]>([
      {
        code: 'load-profile-changed',
        message: expect.stringContaining('numCtx, numGpu, numThread differs from the calls before') as string,
        details: { model: 'llama3.2', options: ['numCtx', 'numGpu', 'numThread'] },
      },
    ])
    expect(codes(await world.ai.sendMessage('Hi'))).toEqual([])
    const wire = { num_ctx: 4_096, num_gpu: 1, num_thread: 2 }
    expect(optionsSent(world).slice(1)).toEqual([{ ...wire, min_p: 0.1 }, wire])
  })

  it('are shared by the spellings of a name, and not by other models', async () => {
    await using world = await openWorld({ server: { models: ['llama3.2', 'oak'] } })
    await world.ai.sendMessage('Hi', settings({ numCtx: 8_192 }))
    await world.ai.model('LLAMA3.2:latest').sendMessage('Hi')
    await world.ai.model('library/llama3.2').sendMessage('Hi')
    await world.ai.model('oak').sendMessage('Hi')
    expect(optionsSent(world)).toEqual([
      { num_ctx: 8_192 },
      { num_ctx: 8_192 },
      { num_ctx: 8_192 },
      undefined,
    ])
  })

  it('are not changed by a window that the model was seen to run with already', async () => {
    await using world = await openWorld({ server: { models: [{ name: 'llama3.2', runningContext: 8_192 }] } })
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi')
    expect(codes(await world.ai.sendMessage('Hi', settings({ numCtx: 8_192 })))).toEqual([])
    expect(codes(await world.ai.sendMessage('Hi', settings({ numCtx: 4_096 })))).toEqual([
      'load-profile-changed',
    ])
  })

  it('are those of embeddings, too', async () => {
    await using world = await openWorld({
      server: { models: [{ name: 'nomic', capabilities: ['embedding'] }] },
    })
    const embed = world.ai.model('nomic')
    await embed.embed('one', settings({ numCtx: 2_048, numThread: 2 }))
    await embed.embed('two')
    const other = await embed.embed('three', settings({ numThread: 3 }))
    expect(optionsSent(world, '/api/embed')).toEqual([
      { num_ctx: 2_048, num_thread: 2 },
      { num_ctx: 2_048, num_thread: 2 },
      { num_ctx: 2_048, num_thread: 3 },
    ])
    expect(codes(other)).toEqual(['load-profile-changed'])
  })

  it('hold for a model that is loaded beforehand, and for the calls after it', async () => {
    await using world = await openWorld({ ollama: { contextWindow: 2_048 } })
    await world.ai.models.load('llama3.2', { settings: { numThread: 2 } })
    expect(codes(await world.ai.sendMessage('Hi'))).toEqual([])
    await world.ai.models.load('llama3.2')
    const wire = { num_ctx: 2_048, num_thread: 2 }
    expect(optionsSent(world)).toEqual([wire, wire, wire])
  })

  it('are the same for calls that begin together', async () => {
    await using world = await openWorld()
    await Promise.all([1, 2, 3].map(() => world.ai.sendMessage('Hi', settings({ numCtx: 8_192 }))))
    await Promise.all([1, 2, 3].map(() => world.ai.sendMessage('Hi')))
    expect(new Set(optionsSent(world).map((options) => JSON.stringify(options)))).toEqual(
      new Set(['{"num_ctx":8192}']),
    )
  })
})

describe('a model that should have been in memory', () => {
  const reply = (loadMs: number): OllamaReply => ({ text: 'Yes', last: { load_duration: loadMs * 1e6 } })

  interface Turn {
    readonly loadMs: number
    readonly afterMs?: number
    readonly options?: CallOptions
  }

  const warned = async (...turns: readonly Turn[]): Promise<readonly (readonly string[])[]> => {
    await using world = await openWorld()
    const seen: (readonly string[])[] = []
    for (const { loadMs, afterMs = 0, options } of turns) {
      await world.clock.advance(afterMs)
      world.server.reply(reply(loadMs))
      seen.push(codes(await world.ai.sendMessage('Hi', options)))
    }
    return seen
  }

  it('and took more than a second to load is reported, with the time', async () => {
    await using world = await openWorld()
    world.server.reply(reply(9_000), reply(40), reply(2_345))
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi')
    const { warnings } = await world.ai.streamMessage('Hi').response
    expect(warnings).toMatchObject([
      { code: 'unexpected-reload', details: { model: 'llama3.2', loadMs: 2_345 } },
    ])
    expect(warnings[0]?.message).toBe(
      'llama3.2 should have been in memory and took 2345 ms to load or to wait for: another program uses it with ' +
        'other settings, or memory is short',
    )
  })

  it('is one that was used within its time, which the request or the server sets', async () => {
    const minute = 60_000
    expect(await warned({ loadMs: 9_000 }, { loadMs: 9_000, afterMs: 4 * minute })).toEqual([
      [],
      ['unexpected-reload'],
    ])
    expect(await warned({ loadMs: 9_000 }, { loadMs: 9_000, afterMs: 6 * minute })).toEqual([[], []])
    for (const [keepAlive, warmMs] of [
      [30, 30_000],
      ['90s', 90_000],
      ['1h30m', 90 * minute],
      ['1.5m', 90_000],
      ['1m500ms', 60_500],
      ['9s800us', 9_000],
      [0, 0],
    ] as const) {
      const options = settings({ keepAlive })
      const early = { loadMs: 9_000, afterMs: warmMs - 1, options }
      const late = { loadMs: 9_000, afterMs: warmMs, options }
      if (warmMs > 0)
        expect((await warned({ loadMs: 1, options }, early))[1], `${keepAlive}`).toEqual([
          'unexpected-reload',
        ])
      expect((await warned({ loadMs: 1, options }, late))[1], `${keepAlive}`).toEqual([])
    }
    for (const keepAlive of [-1, '-1m']) {
      const turns = [
        { loadMs: 1, options: settings({ keepAlive }) },
        { loadMs: 2_000, afterMs: 86_400_000 },
      ]
      expect((await warned(...turns))[1]).toEqual(['unexpected-reload'])
    }
  })

  it('is not one that was to be loaded in another way', async () => {
    const options = settings({ numCtx: 8_192 })
    expect((await warned({ loadMs: 1 }, { loadMs: 9_000, options }))[1]).toEqual(['load-profile-changed'])
    const text = 'abc '.repeat(5_000)
    await using world = await openWorld()
    world.server.reply(reply(1), reply(9_000))
    await world.ai.sendMessage('Hi')
    expect(codes(await world.ai.sendMessage(text))).toEqual([])
  })

  it('is not one that loads within a second', async () => {
    expect(await warned({ loadMs: 9_000 }, { loadMs: 1_000 })).toEqual([[], []])
  })
})
