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

export type { AcmeOptions } from './api.ts'

/** What is declared must pass the contract; what is not is refused before any request. */
export const CAPABILITIES: readonly Capability[] = [
  'chat',
  'stream',
  'tools',
  'parallel-tools',
  'json-schema',
  'embeddings',
]

/** Acme over its own API. */
export class AcmeDriver extends AbstractDriver<api.AcmeOptions, stream.AcmeState> {
  constructor(options: api.AcmeOptions, context: DriverContext) {
    const rooms = { api, errors, health, models, pricing, stream, tools, wire }
    super({ rooms, capabilities: CAPABILITIES, options, context })
  }
}

/** An Acme provider for a configuration: `providers: { acme: acme({ apiKey }) }`. */
export function acme(options: api.AcmeOptions = {}): DriverFactory {
  return Object.assign((context: DriverContext) => new AcmeDriver(options, context), {
    driver: 'acme',
    model: options.model,
  })
}
