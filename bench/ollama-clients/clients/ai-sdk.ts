import { jsonSchema, streamText, tool, type LanguageModel, type ToolSet } from 'ai'
import { WEATHER, type Answer, type Ask, type ToolCall } from './client.ts'

/** The AI SDK's `streamText` and its `fullStream`, which both providers for Ollama are used through. */
export async function askAiSdk(model: LanguageModel, ask: Ask): Promise<Answer> {
  const { prompt, withTool, signal, onText } = ask
  const weather = tool({
    description: WEATHER.description,
    inputSchema: jsonSchema<{ city: string }>(WEATHER.schema),
  })
  const tools = { [WEATHER.name]: weather } as ToolSet
  const result = streamText({
    model,
    prompt,
    ...(withTool && { tools }),
    ...(signal && { abortSignal: signal }),
    // By default errors go to the console; the ones of the stream are judged here.
    onError: () => {},
  })
  const toolCalls: ToolCall[] = []
  const warnings: string[] = []
  let failure: { readonly error: unknown } | undefined
  let finish: string | undefined
  let meta: unknown
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') onText?.(part.text)
    else if (part.type === 'tool-call')
      toolCalls.push({ id: part.toolCallId, name: part.toolName, input: part.input })
    else if (part.type === 'start-step')
      warnings.push(...part.warnings.map((warning) => JSON.stringify(warning)))
    else if (part.type === 'error') failure ??= part
    else if (part.type === 'abort') failure ??= { error: new DOMException('aborted', 'AbortError') }
    else if (part.type === 'finish-step') meta = part
    else if (part.type === 'finish') finish = part.finishReason
  }
  if (failure) throw failure.error
  return { finish, toolCalls, warnings, meta }
}
