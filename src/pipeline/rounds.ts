import type { Call, Sink } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Message, Part } from '../core/message.ts'
import type { AIResponse, ToolCall } from '../core/response.ts'
import type { Fold } from '../core/stream.ts'
import type { Warning } from '../core/warning.ts'
import { parseOutput } from '../tools/output.ts'
import { canRun, checkCalls, runTools, type ToolWatcher } from '../tools/run-tools.ts'
import { tryChat } from './attempt.ts'
import { runAttempts } from './attempts.ts'
import { callFacts } from './call-facts.ts'
import type { Metered } from './meter.ts'
import type { PipelineParts } from './pipeline.ts'
import { toResponse, type Ending } from './response.ts'

/**
 * Answers a call, in as many rounds as its tools need: the model asks for tools, their results go back to it, until
 * it answers or `maxRounds` is reached. Each round is sent, priced and booked like any other.
 */
export async function runRounds(
  parts: PipelineParts,
  call: Call,
  driver: Driver,
  beforeSending: () => void,
): Promise<AIResponse> {
  const { clock } = parts.runtime
  const startedMs = clock.elapsed()
  const done: Metered<Fold>[] = []
  const added: Message[] = []
  let current = call
  for (let round = 1; ; round++) {
    const sent = current
    const progress = { done, round, beforeSending }
    const { outcome } = await runAttempts(parts, sent, driver, progress, () => tryChat(driver, sent, clock))
    const fold = outcome.result
    const toolCalls = await checkCalls(fold.toolCalls, call.tools)
    added.push({ role: 'assistant', content: withIssues(fold.parts, toolCalls) })
    const more = round < call.maxRounds
    const next = canRun(toolCalls, call.tools)
      ? more && (await toolResults(parts, current, toolCalls))
      : await outputRound(call, current, fold, more)
    if (!next || !('messages' in next)) {
      const warnings = next || toolCalls.length === 0 || more ? [] : [roundsUsedUp(call.maxRounds)]
      const ending: Ending = { toolCalls, added, output: next && next.output, warnings }
      return toResponse(call, done, ending, startedMs, clock.elapsed())
    }
    added.push(...next.messages)
    current = nextCall(call, added, next.request)
  }
}

/** What the next round is about: messages that were added, and what changes in the request. */
interface NextRound {
  readonly messages: readonly Message[]
  readonly request: Partial<Call['request']>
}

/** The call of a later round: it begins no second answer, and a tool that had to be called was. */
function nextCall(call: Call, added: readonly Message[], changed: Partial<Call['request']>): Call {
  const { toolChoice, ...request } = call.request
  const auto = toolChoice === undefined || toolChoice === 'none' ? {} : { toolChoice: 'auto' as const }
  const messages = [...call.request.messages, ...added]
  return {
    ...call,
    sink: call.sink && withoutStart(call.sink),
    request: { ...request, ...auto, ...changed, messages },
  }
}

function withoutStart(sink: Sink): Sink {
  return { write: (event) => (event.type === 'start' ? undefined : sink.write(event)) }
}

async function toolResults(parts: PipelineParts, call: Call, calls: readonly ToolCall[]): Promise<NextRound> {
  const results = await runTools(calls, {
    callId: call.id,
    tools: call.tools,
    messages: call.request.messages,
    signal: call.signal,
    watcher: watcherOf(parts, call),
  })
  for (const result of results) await call.sink?.write({ type: 'tool-result', result })
  return { messages: [{ role: 'tool', content: results }], request: {} }
}

/**
 * Reads the value that was asked for out of the answer. An answer that does not fit is asked for once more where it
 * was written with tools on offer (a provider cannot hold it to a schema and let it call tools), or where the caller
 * wants it repaired.
 */
async function outputRound(
  call: Call,
  current: Call,
  fold: Fold,
  more: boolean,
): Promise<NextRound | { readonly output: unknown } | undefined> {
  if (!call.output || fold.toolCalls.length > 0 || fold.end?.finishReason.unified === 'length')
    return undefined
  const parsed = await parseOutput(fold.text, call.output)
  if ('value' in parsed) return { output: parsed.value }
  const withTools = (current.request.tools ?? []).length > 0
  if (more && (withTools || (call.repairOutput && !wasRepaired(call, current)))) {
    const content =
      `Your answer does not fit the required JSON schema: ${parsed.issues.join('; ')}. ` +
      'Give the same answer again as JSON that fits the schema, and nothing else.'
    return { messages: [{ role: 'user', content }], request: { tools: [] } }
  }
  throw new AIError({
    code: 'schema_mismatch',
    message:
      'The answer does not fit the output schema: details.issues says how; repairOutput asks for it once more',
    provider: call.provider,
    model: call.request.model,
    details: { issues: parsed.issues },
    partial: { text: fold.text, parts: fold.snapshot() },
  })
}

function wasRepaired(call: Call, current: Call): boolean {
  return current.request.messages.length > call.request.messages.length
}

function withIssues(parts: readonly Part[], calls: readonly ToolCall[]): readonly Part[] {
  const checked = new Map(calls.map((call) => [call.id, call]))
  return parts.map((part) => {
    const call = part.type === 'tool-call' ? checked.get(part.id) : undefined
    return call?.issues ? { type: 'tool-call', ...call } : part
  })
}

function watcherOf(parts: PipelineParts, call: Call): ToolWatcher {
  const { emitter, runtime } = parts
  const startedMs = runtime.clock.elapsed()
  const facts = (): ReturnType<typeof callFacts> => callFacts(call, runtime.clock)
  const took = (): number => runtime.clock.elapsed() - startedMs
  return {
    called: (one) => emitter.emit('toolCalled', () => ({ ...facts(), call: one })),
    completed: (one, result) =>
      emitter.emit('toolCompleted', () => ({ ...facts(), call: one, result, durationMs: took() })),
    failed: (one, error) =>
      emitter.emit('toolFailed', () => ({ ...facts(), call: one, error, durationMs: took() })),
  }
}

function roundsUsedUp(maxRounds: number): Warning {
  return {
    code: 'rounds-used-up',
    message: `The model still wanted tools after ${maxRounds} rounds: they were not run. Raise maxRounds, or ask for less`,
    details: { maxRounds },
  }
}
