import { loadConfig } from '../config/load.ts'
import { createAI, type AIConfig, type Client, type Handle } from '../index.ts'
import type { Screen, Terminal } from './terminal.ts'

/** The options that every command takes. */
export interface GlobalOptions {
  readonly config?: string
  readonly provider?: string
  readonly model?: string
  readonly ledger?: string
  readonly json?: boolean
  readonly debug?: boolean
  readonly color?: boolean
}

/** A client as the options, the environment and the configuration file want it. */
export interface Session {
  readonly ai: Client
  /** The provider and the model that the options name, or the default ones. */
  readonly handle: Handle
  /** The last call that left, for what is known of it only after it failed. */
  readonly lastCall: () => LastCall | undefined
}

export interface LastCall {
  readonly id: string
  readonly provider: string
  readonly model: string
}

/** Reads the configuration: options go over the environment, and that over the file. */
export async function configOf(terminal: Terminal, options: GlobalOptions): Promise<AIConfig> {
  const env = {
    ...terminal.runtime.env,
    ...(options.provider === undefined ? {} : { GROAT_PROVIDER: options.provider }),
    ...(options.ledger === undefined ? {} : { GROAT_LEDGER: options.ledger }),
  }
  const { config } = await loadConfig({ cwd: terminal.cwd, configFile: options.config, env })
  return config
}

/** Opens a client, lets `work` use it, and closes it whatever happens. */
export async function withSession<T>(
  screen: Screen,
  options: GlobalOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { terminal } = screen
  const config = await configOf(terminal, options)
  return withConfig(terminal, config, options, work)
}

/** The same, for a configuration that is known already. */
export async function withConfig<T>(
  terminal: Terminal,
  config: AIConfig,
  options: Pick<GlobalOptions, 'model' | 'provider'>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await using ai = createAI({ ...config, runtime: { ...terminal.runtime, ...config.runtime } })
  let last: LastCall | undefined
  ai.on('messageSent', ({ callId, provider, model }) => {
    last = { id: callId, provider, model }
  })
  const chosen = options.provider === undefined ? ai : ai.provider(options.provider)
  const handle = options.model === undefined ? chosen : chosen.model(options.model)
  return await work({ ai, handle, lastCall: () => last })
}
