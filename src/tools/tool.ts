import { AIError } from '../core/errors.ts'
import { TOOLS_MAX } from '../core/limits.ts'
import type { ToolChoice } from '../core/request.ts'
import type { Schema } from '../core/schema.ts'
import type { PreparedTool, Tool } from '../core/tool.ts'
import { prepareSchema } from './prepare-schema.ts'

/** What every provider takes for a name. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/

/**
 * A tool, typed by its schema: `tool({ name, description, input: z.object({ … }), run: ({ city }) => … })`.
 *
 * @throws AIError `request_invalid` for a name that not every provider takes
 */
export function tool<Input>(definition: Tool<Input> & { readonly input: Schema<Input> }): Tool {
  checkName(definition.name)
  return Object.freeze({ ...definition }) as Tool
}

const NO_TOOLS: ReadonlyMap<string, PreparedTool> = new Map()

/** Makes the tools of a call ready, by name. @throws AIError `request_invalid`, `limit_exceeded` */
export function prepareTools(tools: readonly Tool[]): ReadonlyMap<string, PreparedTool> {
  if (tools.length === 0) return NO_TOOLS
  if (tools.length > TOOLS_MAX) {
    const message = `A call has at most ${TOOLS_MAX} tools, and this one has ${tools.length}: models lose their way in more`
    throw new AIError({ code: 'limit_exceeded', message })
  }
  const byName = new Map<string, PreparedTool>()
  for (const one of tools) {
    checkName(one.name)
    if (byName.has(one.name)) throw invalid(`There are two tools of the name ${one.name}`)
    const input = prepareSchema(one.input, `the tool ${one.name}`, one.jsonSchema)
    const { type } = input.jsonSchema
    if (type !== undefined && type !== 'object')
      throw invalid(`The input of the tool ${one.name} is an object, since models give arguments by name`)
    const { name, description } = one
    const definition = {
      name,
      input: input.jsonSchema,
      ...(description === undefined ? {} : { description }),
    }
    byName.set(name, { tool: one, definition, input })
  }
  return byName
}

/**
 * Checks that what a call says of its tools can be done with them.
 *
 * @throws AIError `request_invalid`
 */
export function checkToolChoice(
  choice: ToolChoice | undefined,
  tools: ReadonlyMap<string, PreparedTool>,
): void {
  if (choice === undefined || choice === 'auto' || choice === 'none') return
  if (tools.size === 0) throw invalid('toolChoice asks for a tool to be called, and the call has no tools')
  if (choice === 'required') return
  if (typeof choice !== 'object' || typeof choice.tool !== 'string')
    throw invalid("toolChoice is 'auto', 'none', 'required' or { tool: name }")
  if (!tools.has(choice.tool)) {
    throw invalid(
      `toolChoice names ${choice.tool}; the tools of the call are ${[...tools.keys()].join(', ')}`,
    )
  }
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && NAME.test(name)) return
  throw invalid(`A tool's name has 1 to 64 letters, digits, _ or -, and not ${JSON.stringify(name)}`)
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
