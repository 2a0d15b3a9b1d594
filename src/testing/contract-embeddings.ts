import assert from 'node:assert/strict'
import type { Capability } from '../core/capability.ts'
import type { EmbedOptions } from '../core/request.ts'
import type { EmbedResponse } from '../core/response.ts'
import { assertFails, type ContractCase, type ContractWorld } from './driver-contract.ts'

const VECTORS = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0.6, 0.8],
]
const TEXTS = ['one', 'two', 'three']

function embed(
  world: ContractWorld,
  values: readonly string[],
  options?: EmbedOptions,
): Promise<EmbedResponse> {
  return world.ai.provider(world.provider).model(world.embedModel).embed(values, options)
}

function requestsOf({ far }: ContractWorld): unknown {
  return far.embedRequests?.() ?? []
}

/** What must be true of every driver that makes vectors of texts, and of every one that does not. */
export const EMBEDDING_CASES: readonly (ContractCase & { readonly lacks?: Capability })[] = [
  {
    name: 'makes a vector of each text, in order, with one request and its exact bill',
    needs: ['embeddings'],
    run: async (world) => {
      world.far.replyVectors?.({ vectors: VECTORS, inputTokens: 1_000 })
      const answer = await embed(world, TEXTS)
      assert.deepEqual(answer.embeddings, VECTORS)
      assert.deepEqual(requestsOf(world), [{ model: world.embedModel, values: TEXTS }])
      assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [1_000, 0])
      const free = world.subject.billing === 'free'
      // 1,000 × $0.15 per million.
      assert.deepEqual(
        [answer.cost.status, String(answer.cost.amount)],
        free ? ['free', '0'] : ['exact', '0.00015'],
      )
      const [total] = await world.ai.ledger.totals()
      assert.deepEqual([total?.calls, total?.attempts, String(total?.cost)], [1, 1, free ? '0' : '0.00015'])
    },
  },
  {
    name: 'makes no vectors of no texts, without a request, for nothing',
    needs: ['embeddings'],
    run: async (world) => {
      const answer = await embed(world, [])
      assert.deepEqual([answer.embeddings, String(answer.cost.amount)], [[], '0'])
      assert.deepEqual(requestsOf(world), [])
    },
  },
  {
    name: 'refuses what is no text to embed, before any request',
    needs: ['embeddings'],
    run: async (world) => {
      for (const wrong of [[''], ['fine', 'half \uD83D a pair']]) {
        await assertFails(embed(world, wrong), 'request_invalid')
      }
      await assertFails(embed(world, TEXTS, { dimensions: -1 }), 'request_invalid')
      assert.deepEqual(requestsOf(world), [])
    },
  },
  {
    name: 'takes fewer vectors than texts for no answer',
    needs: ['embeddings'],
    run: async (world) => {
      world.far.replyVectors?.({ vectors: VECTORS.slice(1), inputTokens: 3 })
      await assertFails(embed(world, TEXTS), 'response_invalid')
    },
  },
  {
    name: 'refuses embeddings, which it does not declare, before any request',
    needs: ['chat'],
    lacks: 'embeddings',
    run: async (world) => {
      await assertFails(embed(world, TEXTS), 'capability_unsupported')
      assert.deepEqual(requestsOf(world), [])
    },
  },
]
