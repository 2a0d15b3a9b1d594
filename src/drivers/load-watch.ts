import { AIError } from '../core/errors.ts'
import type { Clock } from '../runtime.ts'
import type { Exchange } from '../transport/transport.ts'
import type { Timeouts } from './rooms.ts'

/** How often the server is asked whether the model is still being loaded, in milliseconds. */
export const LOAD_POLL_MS = 5_000

/**
 * What the server tells of a model for which a request waits: `loading` as long as it is not in memory, `loaded` when it
 * is, `gone` where the server tells nothing any more.
 */
export type LoadState = 'loading' | 'loaded' | 'gone'

export interface LoadWatch {
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly model: string
  readonly provider: string
  readonly signal: AbortSignal | undefined
  /** Sends the request, without a deadline for the first byte. */
  send(signal: AbortSignal): Promise<Exchange>
  ask(signal: AbortSignal): Promise<LoadState>
}

/**
 * Waits for the first byte of an answer `firstByteMs`, not counting the time in which the model is loaded: a client that
 * leaves makes the server drop the load, and the next try begins anew (ollama/ollama#8006). `loadMs` ends that wait too.
 *
 * @throws AIError `timed_out` with `details.loading`
 */
export async function sendWhileLoading(watch: LoadWatch): Promise<Exchange> {
  const stop = new AbortController()
  const { signal } = watch
  const linked = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const over = watchLoad(watch, stop, linked)
  try {
    return await watch.send(linked)
  } catch (error) {
    throw stop.signal.aborted && !signal?.aborted ? stop.signal.reason : error
  } finally {
    over()
  }
}

/** Looks after a request that waits; the returned function ends that. */
function watchLoad(watch: LoadWatch, stop: AbortController, signal: AbortSignal): () => void {
  const { clock, timeouts } = watch
  const { firstByteMs = Number.POSITIVE_INFINITY, loadMs = Number.POSITIVE_INFINITY } = timeouts
  const startedMs = clock.elapsed()
  const questions = new AbortController()
  let cancel: (() => void) | undefined
  let wasLoading = false
  const later = (ms: number): void => {
    const leftMs = startedMs + loadMs - clock.elapsed()
    cancel = clock.after(Math.min(ms, Math.max(0, leftMs)), () => void look())
  }
  const look = async (): Promise<void> => {
    const waitedMs = clock.elapsed() - startedMs
    if (waitedMs >= loadMs) return stop.abort(outOfTime(watch, 'load', loadMs, 'loading'))
    const state = await watch.ask(AbortSignal.any([signal, questions.signal])).catch((): LoadState => 'gone')
    if (questions.signal.aborted) return
    if (state === 'loading') {
      wasLoading = true
      later(LOAD_POLL_MS)
    } else if (state === 'loaded' && wasLoading) {
      // From here on it is the answer that is waited for, and not the load.
      wasLoading = false
      later(firstByteMs)
    } else {
      stop.abort(outOfTime(watch, 'firstByte', firstByteMs, state))
    }
  }
  later(firstByteMs)
  return () => {
    questions.abort()
    cancel?.()
  }
}

function outOfTime(watch: LoadWatch, deadline: string, afterMs: number, state: LoadState): AIError {
  const { provider, model } = watch
  const message =
    state === 'loading'
      ? `${model} was not loaded within ${afterMs} ms: raise timeouts.loadMs, or load it beforehand`
      : `No response from ${provider}/${model} within ${afterMs} ms, and nothing is being loaded: see the log of the ` +
        'server, or raise timeouts.firstByteMs'
  const details = { deadline, afterMs, loading: state === 'loading', reachable: state !== 'gone' }
  return new AIError({ code: 'timed_out', message, provider, model, details })
}
