import type { LiveOllama } from './ollama-server.ts'
import { tinyGguf } from './tiny-gguf.ts'
import { END, OFF, START, type Script } from './tiny-tokens.ts'

// The models of the live tests. A server makes prompts and reads answers in one of two ways: by a template in Go, which
// it was given with the model, or by a template in Jinja that stands in the model's file.

const call = (name: string, args: string): string =>
  `<tool_call>{"name": "${name}", "arguments": ${args}}</tool_call>`

/** What they say; a message ends in one of these words. */
export const SAYS = {
  text: 'Rain falls on tin roofs.',
  thought: 'Let me consider it.\n',
  considered: 'The answer is 42.',
  thoughtless: 'Without any thoughts: 42.',
  looking: 'I will look it up. ',
  afterTool: 'It is sunny and 21 degrees in that city.',
  json: '{"city": "Paris", "sunny": true, "temp": 21}',
} as const

const SCRIPT: Script = {
  '@text': { text: SAYS.text },
  '@think': { text: `<think>${SAYS.thought}</think>\n\n${SAYS.considered}`, off: { text: SAYS.thoughtless } },
  // The end of a thought and the begin of a call are not one piece: Ollama's own parser then gives half of it as text.
  '@thinktool': { text: `<think>I need the tool.</think>\n\n${call('get_weather', '{"city": "Cairo"}')}` },
  '@tool': { text: call('get_weather', '{"city": "Paris"}') },
  '@tools': {
    text: `${call('get_weather', '{"city": "Oslo"}')}\n${call('get_time', '{"zone": "UTC"}')}`,
  },
  '@saytool': { text: SAYS.looking + call('get_weather', '{"city": "Lima"}') },
  '@aftertool': { text: SAYS.afterTool },
  // In the order of the alphabet, which is how one of the two ways sorts the keys of a schema.
  '@json': { text: SAYS.json },
}

const GO_TEMPLATE = `{{- if or .System .Tools }}${START}system
{{ .System }}
{{- if .Tools }}
# Tools
{{ range .Tools }}{{ json . }}
{{ end }}{{ end }}${END}
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if ne .Role "system" }}${START}{{ .Role }}
{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}
{{- .Content }}
{{- if .ToolCalls }}{{ range .ToolCalls }}<tool_call>{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}</tool_call>{{ end }}{{ end }}
{{- if $last }}{{ if and $.IsThinkSet (not $.Think) }}${OFF}{{ end }}{{ else }}${END}
{{ end }}{{ end }}{{ end }}`

/** Calls stand here as they are said: the server learns from this text how they are written. */
const JINJA_TEMPLATE = `{%- if tools %}${START}system
# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}${END}
{% endif %}
{%- for m in messages %}${START}{{ m.role }}
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>

{% endif %}{{ m.content or '' }}
{%- if m.tool_calls %}{% for c in m.tool_calls %}
<tool_call>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</tool_call>{% endfor %}{% endif %}${END}
{% endfor %}
{%- if add_generation_prompt %}${START}assistant
{% set last = messages[-1].content or '' %}{% if '@' in last %}@{{ last.split('@')[-1] }}{% if enable_thinking is defined and not enable_thinking %}${OFF}{% endif %}{% endif %}{% endif %}`

/** Tokens that a conversation takes with the Go template: one for each byte and each mark. */
export function goTokens(messages: readonly { readonly role: string; readonly content: string }[]): number {
  return messages
    .map(({ role, content }, index) => {
      const isLast = index === messages.length - 1
      // A start, a line feed, an end and a line feed; the last message stays open, and its trigger is one token.
      const text = isLast ? content.replace(/@\w+$/, '@') : content
      return Buffer.byteLength(role + text) + (isLast ? 2 : 4)
    })
    .reduce((sum, count) => sum + count, 0)
}

export const CHAT_MODEL = 'groat-live-chat'
export const JINJA_MODEL = 'groat-live-jinja'
export const EMBED_MODEL = 'groat-live-embed'

/** Tokens that a model takes in; vectors are made of less. */
export const CHAT_CONTEXT = 4_096
export const EMBED_CONTEXT = 512
export const VECTOR_SIZE = 64

/** Makes one of them on a server. */
export async function createTiny(server: LiveOllama, name: string): Promise<void> {
  // More threads than one wait for each other in a circle, which on a busy machine is most of the time.
  const parameters = { num_ctx: CHAT_CONTEXT, num_thread: 1 }
  if (name === CHAT_MODEL)
    await server.create(name, tinyGguf({ name, script: SCRIPT }), { template: GO_TEMPLATE, parameters })
  else if (name === JINJA_MODEL)
    await server.create(name, tinyGguf({ name, script: SCRIPT, chatTemplate: JINJA_TEMPLATE }), {
      parameters,
    })
  else await server.create(name, tinyGguf({ name, script: {}, embeds: true, contextLength: EMBED_CONTEXT }))
}
