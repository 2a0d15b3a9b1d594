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

export type { GeminiOptions } from './api.ts'

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
]

/** Gemini over the `generateContent` API of Google's Gemini Developer API. */
export class GeminiDriver extends AbstractDriver<api.GeminiOptions, stream.GeminiState> {
  constructor(options: api.GeminiOptions, context: DriverContext) {
    const rooms = { api, errors, health, models, pricing, stream, tools, wire }
    super({ rooms, capabilities: CAPABILITIES, options, context })
  }
}

/** A Gemini provider for a configuration: `providers: { gemini: gemini({ apiKey }) }`. */
export function gemini(options: api.GeminiOptions = {}): DriverFactory {
  return Object.assign((context: DriverContext) => new GeminiDriver(options, context), {
    driver: 'gemini',
    model: options.model,
  })
}
