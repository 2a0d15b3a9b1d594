import type { Call, Sink } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Message, Part } from '../core/message.ts'
import { offersTools } from '../core/needs.ts'
import type { AIResponse, ToolCall } from '../core/response.ts'
import type { PreparedSchema } from '../core/schema.ts'
import type { Fold } from '../core/stream.ts'
import type { Warning } from '../core/warning.ts'
import { parseOutput } from '../tools/output.ts'
import { canRun, checkCalls, runTools, type ToolWatcher } from '../tools/run-tools.ts'
import { tryChat } from './attempt.ts'
import { runAttempts, type Progress } from './attempts.ts'
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
  { afterwards, beforeSending }: Pick<Progress<Fold>, 'afterwards' | 'beforeSending'>,
): Promise<AIResponse> {
  const { clock } = parts.runtime
  const startedMs = clock.elapsed()
  const done: Metered<Fold>[] = []
  const added: Message[] = []
  const progress: Progress<Fold> = { done, round: 1, afterwards, beforeSending }
  let current: Call = call.sink ? { ...call, sink: oneAnswer(call.sink) } : call
  for (let round = 1; ; round++) {
    const sent = current
    progress.round = round
    const metered = await runAttempts(parts, sent, driver, progress, (one, by, before) =>
      tryChat(by, one, clock, before),
    )
    const fold = metered.outcome.result
    if (metered.warnings.length > 0) await warn(sent, fold, ...metered.warnings)
    // Nothing is waited for where there is nothing to wait for: most answers are a text and no more.
    const asked = fold.toolCalls
    const toolCalls = asked.length === 0 ? asked : await checkCalls(asked, call.tools)
    const warnings = warningsOf(sent, fold)
    if (warnings.length > 0) await warn(sent, fold, ...warnings)
    added.push({ role: 'assistant', content: withIssues(fold.parts, toolCalls) })
    const more = round < call.maxRounds
    const next = canRun(toolCalls, call.tools)
      ? more && (await toolResults(parts, current, toolCalls))
      : call.output && (await outputRound(call, current, fold, more))
    if (!next || !('messages' in next)) {
      // What cannot be run here is the caller's to run, and was not stopped by the number of rounds.
      if (!more && canRun(toolCalls, call.tools)) await warn(sent, fold, roundsUsedUp(call.maxRounds))
      const ending: Ending = { toolCalls, added, output: next && next.output }
      return toResponse(call, done, ending, startedMs, clock.elapsed())
    }
    added.push(...next.messages)
    current = nextCall(call, sent.sink, added, next.request)
  }
}

/** What the next round is about: messages that were added, and what changes in the request. */
interface NextRound {
  readonly messages: readonly Message[]
  readonly request: Partial<Call['request']>
}

/** The call of a later round: it begins no second answer, and a tool that had to be called was. */
function nextCall(
  call: Call,
  sink: Call['sink'],
  added: readonly Message[],
  changed: Partial<Call['request']>,
): Call {
  const { toolChoice, ...request } = call.request
  const auto = toolChoice === undefined || toolChoice === 'none' ? {} : { toolChoice: 'auto' as const }
  const messages = [...call.request.messages, ...added]
  return { ...call, sink, request: { ...request, ...auto, ...changed, messages } }
}

/** Several rounds are one answer to the caller: it starts once, and the same warning is given once. */
function oneAnswer(sink: Sink): Sink {
  const told = new Set<string>()
  return {
    write: (event) => {
      if (event.type !== 'start' && event.type !== 'warning') return sink.write(event)
      const key = event.type === 'start' ? 'start' : `${event.warning.code}: ${event.warning.message}`
      if (told.has(key)) return undefined
      told.add(key)
      return sink.write(event)
    },
  }
}

/** Gives warnings to the answer of a round, and to whoever streams it. */
async function warn({ sink }: Call, fold: Fold, ...warnings: readonly Warning[]): Promise<void> {
  for (const warning of warnings) {
    fold.warnings.push(warning)
    await sink?.write({ type: 'warning', warning })
  }
}

/** Beginnings of tool calls as models write them, where the server did not see that they are some. */
const CALL_TEXT = /<\|?tool_calls?(?:_begin|_section_begin)?\|?>|\[TOOL_CALLS\]|<function=|<\|python_tag\|>/

/** Most tokens that an answer with nothing in it takes: its end. */
const EMPTY_TOKENS_MAX = 1

/** What the caller should know of an answer to a request with tools on offer. */
function warningsOf({ request }: Call, fold: Fold): readonly Warning[] {
  if (!offersTools(request)) return []
  const { toolChoice } = request
  const warnings: Warning[] = []
  const { finishReason, usage } = fold.end ?? {}
  const written = usage?.outputTokens ?? 0
  if (fold.parts.length === 0 && finishReason?.unified === 'stop' && written > EMPTY_TOKENS_MAX) {
    const message =
      `The model wrote ${written} tokens, and the answer has none of them: most likely a tool call that the server ` +
      'could not read, or one of a tool that there is not. Ask again, or use another model'
    warnings.push({ code: 'tool-call-lost', message, details: { outputTokens: written } })
  }
  const place = CALL_TEXT.test(fold.text) ? 'text' : CALL_TEXT.test(fold.reasoning) ? 'reasoning' : undefined
  if (place !== undefined) {
    const message =
      `The model wrote a tool call, or a piece of one, into its ${place}, where it was not seen as one and not run: ` +
      'ask again, or use a model (or a version of the server) that knows its own call syntax'
    warnings.push({ code: 'tool-call-in-text', message, details: { place } })
  }
  const mustCall = toolChoice === 'required' || typeof toolChoice === 'object'
  if (mustCall && fold.toolCalls.length === 0) {
    const message = 'The model was to call a tool, and answered without'
    warnings.push({ code: 'tool-choice-ignored', message, details: { toolChoice } })
  }
  return warnings
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
  const ended = fold.end?.finishReason.unified
  // What was cut, or refused, is no answer that could fit.
  if (!call.output || fold.toolCalls.length > 0 || ended === 'length' || ended === 'content-filter')
    return undefined
  const parsed = await parseAnswer(fold, call.output)
  const withTools = offersTools(current.request)
  // Where no tools were on offer, the provider was to hold the model to the schema: then there is nothing but JSON.
  const enforced = withTools || parsed.pure ? undefined : false
  if ('value' in parsed) {
    if (enforced === false) await warn(current, fold, notEnforced())
    return { output: parsed.value }
  }
  if (more && (withTools || (call.repairOutput && !wasRepaired(call, current)))) {
    const content =
      `Your answer does not fit the required JSON schema: ${parsed.issues.join('; ')}. ` +
      'Give the same answer again as JSON that fits the schema, and nothing else. The schema is ' +
      JSON.stringify(call.output.jsonSchema)
    return { messages: [{ role: 'user', content }], request: { tools: [] } }
  }
  throw new AIError({
    code: 'schema_mismatch',
    message:
      'The answer does not fit the output schema: details.issues says how; repairOutput asks for it once more' +
      (enforced === false ? '. The server did not hold the model to the schema, as not every one can' : ''),
    provider: call.provider,
    model: call.request.model,
    details: { issues: parsed.issues, ...(enforced === false && { enforced }) },
    partial: { text: fold.text, parts: fold.snapshot() },
  })
}

/** Reads the value out of the whole text; where a model remarked on its way there, out of the last part of it. */
async function parseAnswer(fold: Fold, output: PreparedSchema): ReturnType<typeof parseOutput> {
  const whole = await parseOutput(fold.text, output)
  const texts = fold.parts.filter((part) => part.type === 'text' && part.text !== '')
  const last = texts.at(-1)
  if (('value' in whole && whole.pure) || texts.length < 2 || last?.type !== 'text') return whole
  const own = await parseOutput(last.text, output)
  return 'value' in own && own.pure ? own : whole
}

function wasRepaired(call: Call, current: Call): boolean {
  return current.request.messages.length > call.request.messages.length
}

function withIssues(parts: readonly Part[], calls: readonly ToolCall[]): readonly Part[] {
  if (calls.length === 0) return parts
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

function notEnforced(): Warning {
  return {
    code: 'schema-not-enforced',
    message:
      'The answer has more in it than JSON: the server did not hold the model to the schema, and the value was found ' +
      'in the text and checked',
    details: {},
  }
}

function roundsUsedUp(maxRounds: number): Warning {
  return {
    code: 'rounds-used-up',
    message: `The model still wanted tools after ${maxRounds} rounds: they were not run. Raise maxRounds, or ask for less`,
    details: { maxRounds },
  }
}
