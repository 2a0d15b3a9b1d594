import type { FakeOllama, FakeOllamaOptions } from '../../dist/testing/index.js'
import type { Adapter, Answer, Ask, Client } from './clients/client.ts'

/** A local model, by the full name that typed clients want. */
export const LOCAL = 'llama3.2:latest'

export type Verdict = 'right' | 'partly' | 'wrong' | 'none' | 'not run'

export interface Finding {
  readonly verdict: Verdict
  /** One line: what the run showed. */
  readonly evidence: string
}

/** One client before one server of its own. */
export interface Trial {
  readonly adapter: Adapter
  readonly client: Client
  readonly server: FakeOllama
  /** What the library wrote to the console so far. */
  readonly console: readonly string[]
  /** Really wait for 305 s where that is the case. */
  readonly slow: boolean
}

export interface Case {
  readonly title: string
  /** What counts as right. */
  readonly right: string
  readonly limitMs: number
  /** Clients wait next to each other, because there is nothing to do but to wait. */
  readonly together?: boolean
  readonly server?: FakeOllamaOptions
  run(trial: Trial): Promise<Finding>
}

/** What came of one call. */
export interface Outcome {
  readonly texts: readonly string[]
  readonly answer?: Answer
  readonly failure?: { readonly error: unknown }
}

export async function outcomeOf(client: Client, ask: Ask): Promise<Outcome> {
  const texts: string[] = []
  const onText = (text: string): void => {
    texts.push(text)
    ask.onText?.(text)
  }
  try {
    return { texts, answer: await client.ask({ ...ask, onText }) }
  } catch (error) {
    return { texts, failure: { error } }
  }
}
