import { AIError } from '../core/errors.ts'
import { isMedia } from '../core/media-parts.ts'
import type { Message, ToolResultPart } from '../core/message.ts'
import type { ToolCall } from '../core/response.ts'
import { ToolOutput, type PreparedTool } from '../core/tool.ts'

/** What is told of tools that run. */
export interface ToolWatcher {
  called(call: ToolCall): void
  completed(call: ToolCall, result: ToolResultPart): void
  failed(call: ToolCall, error: Error): void
}

export interface ToolRun {
  readonly callId: string
  readonly tools: ReadonlyMap<string, PreparedTool>
  readonly messages: readonly Message[]
  readonly signal: AbortSignal | undefined
  readonly watcher: ToolWatcher
}

/** The calls with what is wrong with their arguments, by the tools' own schemas. */
export async function checkCalls(
  calls: readonly ToolCall[],
  tools: ReadonlyMap<string, PreparedTool>,
): Promise<readonly ToolCall[]> {
  return Promise.all(
    calls.map(async (call) => {
      const checked = await tools.get(call.name)?.input.validate(call.arguments)
      return checked && 'issues' in checked
        ? { ...call, issues: [...(call.issues ?? []), ...checked.issues] }
        : call
    }),
  )
}

/**
 * Whether every call can be run here; one that is the caller's to run leaves all of them to the caller. A name that
 * does not exist is told to the model, but only where there is something that it could have called.
 */
export function canRun(calls: readonly ToolCall[], tools: ReadonlyMap<string, PreparedTool>): boolean {
  const anything = [...tools.values()].some(({ tool }) => tool.run)
  return (
    anything &&
    calls.length > 0 &&
    calls.every((call) => tools.get(call.name)?.tool.run || !tools.has(call.name))
  )
}

/**
 * Runs the calls of a round at the same time and gives their results in the order of the calls. What goes wrong in
 * a tool goes back to the model as a result; only an abort of the call ends it.
 *
 * @throws AIError `aborted`
 */
export async function runTools(calls: readonly ToolCall[], run: ToolRun): Promise<readonly ToolResultPart[]> {
  const { signal } = run
  const all = Promise.all(calls.map((call) => runTool(call, run)))
  if (!signal) return all
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const onAbort = (): void =>
    reject(
      new AIError({
        code: 'aborted',
        message: 'The call was aborted while its tools ran',
        cause: signal.reason,
      }),
    )
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([all, stopped])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function runTool(call: ToolCall, run: ToolRun): Promise<ToolResultPart> {
  const { id, name } = call
  run.watcher.called(call)
  try {
    const given = await contentOf(call, run)
    const { content, media } = given instanceof ToolOutput ? given : { content: given, media: [] }
    if (!Array.isArray(media) || !media.every(isMedia))
      throw failed(call, `The media of ${name} are no parts`)
    const result: ToolResultPart = {
      type: 'tool-result',
      id,
      name,
      content: sendable(content, call),
      ...(media.length > 0 && { media }),
    }
    run.watcher.completed(call, result)
    return result
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    run.watcher.failed(call, error)
    return { type: 'tool-result', id, name, content: `Error: ${error.message}`, isError: true }
  }
}

async function contentOf(call: ToolCall, { tools, callId, messages, signal }: ToolRun): Promise<unknown> {
  const prepared = tools.get(call.name)
  if (!prepared?.tool.run) {
    throw failed(call, `There is no tool ${call.name}. There are: ${[...tools.keys()].join(', ')}`)
  }
  const checked = await prepared.input.validate(call.arguments)
  if (call.issues || 'issues' in checked) {
    const issues = [...(call.issues ?? []), ...('issues' in checked ? checked.issues : [])]
    throw failed(
      call,
      `The arguments do not fit the schema of ${call.name}: ${[...new Set(issues)].join('; ')}`,
    )
  }
  return prepared.tool.run(checked.value, { callId, toolCallId: call.id, signal, messages })
}

/** What cannot be written as JSON could not go back to the model, and would break the conversation. */
function sendable(content: unknown, call: ToolCall): unknown {
  if (typeof content === 'string') return content.toWellFormed()
  try {
    JSON.stringify(content)
    return content
  } catch {
    throw failed(call, `What ${call.name} gave back cannot be written as JSON`)
  }
}

function failed(call: ToolCall, message: string): AIError {
  return new AIError({ code: 'tool_failed', message, details: { tool: call.name } })
}
