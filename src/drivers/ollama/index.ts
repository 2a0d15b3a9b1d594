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

export type { OllamaOptions } from './api.ts'

export const CAPABILITIES: readonly Capability[] = [
  'chat',
  'stream',
  'tools',
  'parallel-tools',
  'vision',
  'audio',
  'json-schema',
  'reasoning',
  'embeddings',
  'model-management',
]

/** Ollama over its native API. */
export class OllamaDriver extends AbstractDriver<api.OllamaOptions, stream.OllamaState> {
  constructor(options: api.OllamaOptions, context: DriverContext) {
    const rooms = { api, errors, health, models, pricing, stream, tools, wire }
    super({ rooms, capabilities: CAPABILITIES, options, context })
  }
}

/** An Ollama provider for a configuration: `providers: { home: ollama({ baseUrl: 'http://box:11434' }) }`. */
export function ollama(options: api.OllamaOptions = {}): DriverFactory {
  return Object.assign((context: DriverContext) => new OllamaDriver(options, context), {
    driver: 'ollama',
    model: options.model,
  })
}
