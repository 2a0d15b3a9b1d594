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

export type { XaiOptions } from './api.ts'

export const CAPABILITIES: readonly Capability[] = [
  'chat',
  'stream',
  'tools',
  'parallel-tools',
  'vision',
  'json-schema',
  'reasoning',
]

/** xAI over its Responses API. */
export class XaiDriver extends AbstractDriver<api.XaiOptions, stream.XaiState> {
  constructor(options: api.XaiOptions, context: DriverContext) {
    const rooms = { api, errors, health, models, pricing, stream, tools, wire }
    super({ rooms, capabilities: CAPABILITIES, options, context })
  }
}

/** An xAI provider for a configuration: `providers: { grok: xai({ model: 'grok-4.3' }) }`. */
export function xai(options: api.XaiOptions = {}): DriverFactory {
  return Object.assign((context: DriverContext) => new XaiDriver(options, context), {
    driver: 'xai',
    model: options.model,
  })
}
