import type { Capability } from '../../core/capability.ts'
import { AbstractDriver } from '../abstract-driver.ts'
import type { DriverContext, DriverFactory } from '../rooms.ts'
import * as api from './api.ts'
import * as errors from './errors.ts'
import * as health from './health.ts'
import * as models from './models.ts'
import * as pricing from './pricing.ts'
import * as stream from './stream.ts'
import * as tools from './tools.ts'
import * as wire from './wire.ts'

export type { MockOptions, MockReply, MockRequest, MockVectors } from './api.ts'

export const CAPABILITIES: readonly Capability[] = [
  'chat',
  'stream',
  'tools',
  'parallel-tools',
  'json-schema',
  'embeddings',
]

/** A scripted model in this process: deterministic, without a network, billed by the user's own prices. */
export class MockDriver extends AbstractDriver<api.MockOptions, stream.MockState> {
  constructor(options: api.MockOptions, context: DriverContext) {
    const rooms = { api, errors, health, models, pricing, stream, tools, wire }
    super({ rooms, capabilities: options.capabilities ?? CAPABILITIES, options, context })
  }
}

/** A scripted provider, and what it was asked: `createAI({ providers: { mock: mock({ replies: ['Hi'] }) } })`. */
export type MockFactory = DriverFactory & {
  readonly requests: readonly api.MockRequest[]
  readonly embedRequests: readonly { readonly model: string; readonly values: readonly string[] }[]
  readonly model: string
}

export function mock(options: api.MockOptions = {}): MockFactory {
  const transport = new api.ScriptedTransport(options)
  const make: DriverFactory = (context) => new MockDriver(options, { ...context, transport })
  return Object.assign(make, {
    driver: 'mock',
    requests: transport.requests,
    embedRequests: transport.embedRequests,
    model: options.model ?? api.DEFAULT_MODEL,
  })
}
