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

export type { OpenAIOptions } from './api.ts'

export const CAPABILITIES: readonly Capability[] = [
  'chat',
  'stream',
  'tools',
  'parallel-tools',
  'vision',
  'json-schema',
  'reasoning',
  'embeddings',
]

/** Only Chat Completions has a place for sounds. */
export const CHAT_CAPABILITIES: readonly Capability[] = [...CAPABILITIES, 'audio']

/** OpenAI over Responses or Chat Completions, and servers that are compatible with it. */
export class OpenAIDriver extends AbstractDriver<api.OpenAIOptions, stream.OpenAIState> {
  constructor(options: api.OpenAIOptions, context: DriverContext) {
    const rooms = { api, errors, health, models, pricing, stream, tools, wire }
    const capabilities = api.isChat(options) ? CHAT_CAPABILITIES : CAPABILITIES
    super({ rooms, capabilities, options, context })
  }
}

/** An OpenAI provider for a configuration: `providers: { openai: openai({ model: 'gpt-6-luna' }) }`. */
export function openai(options: api.OpenAIOptions = {}): DriverFactory {
  return Object.assign((context: DriverContext) => new OpenAIDriver(options, context), {
    driver: 'openai',
    model: options.model,
  })
}
