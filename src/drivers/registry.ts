import type { DriverFactory, ProviderOptions } from './rooms.ts'

/** A driver that configurations can name: loaded when a call first needs it. */
export interface RegisteredDriver {
  /** The model of calls that name none, where the configuration names none either. */
  readonly defaultModel?: string
  load(): Promise<(options: ProviderOptions) => DriverFactory>
}

/** Every driver by name. A new driver is a folder, a line here, an export in package.json and a page in docs/drivers. */
export const DRIVERS: Readonly<Record<string, RegisteredDriver>> = {
  ollama: { defaultModel: 'llama3.2', load: async () => (await import('./ollama/index.ts')).ollama },
  openai: { load: async () => (await import('./openai/index.ts')).openai },
  xai: { defaultModel: 'grok-4.3', load: async () => (await import('./xai/index.ts')).xai },
  gemini: { load: async () => (await import('./gemini/index.ts')).gemini },
}
