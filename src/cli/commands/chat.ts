import { isAIError, type CallOptions, type Message } from '../../index.ts'
import { nearest } from '../../core/nearest.ts'
import { showAnswer, stoppedText } from '../answer.ts'
import { ChatTotals } from '../chat-totals.ts'
import { EXIT, tell } from '../failure.ts'
import { printable, summaryText } from '../format.ts'
import { openPrompt, type Prompt } from '../prompt.ts'
import { withSession, type GlobalOptions, type Session } from '../session.ts'
import type { Screen } from '../terminal.ts'
import { callOptions, type CallFlags } from './ask.ts'

export interface ChatOptions extends GlobalOptions, CallFlags {}

const HELP = [
  '/model ID      answer with another model from now on',
  '/system TEXT   tell the model how to behave; without a text, no longer',
  '/new           forget the conversation',
  '/cost          what this conversation has cost',
  '/help          these lines',
  '/exit          leave, as Ctrl-D does',
]
const COMMANDS = ['/model', '/system', '/new', '/cost', '/help', '/exit']

/** `groat chat`: a conversation, until the input ends. */
export async function chat(screen: Screen, options: ChatOptions): Promise<number> {
  const { system, ...flags } = options
  const call = callOptions(flags)
  return withSession(screen, options, async (session) => {
    const talk = new Talk(screen, session, call, system)
    const prompt = openPrompt(screen)
    try {
      if (prompt.interactive)
        screen.note(screen.noteStyle.dim('/help for help, Ctrl-C stops an answer, Ctrl-D leaves'))
      return await talk.run(prompt)
    } finally {
      prompt.close()
    }
  })
}

class Talk {
  readonly #screen: Screen
  readonly #session: Session
  readonly #call: CallOptions
  readonly #totals = new ChatTotals()
  #system: string | undefined
  #model: string | undefined
  #messages: Message[] = []
  /** The exit code where input is piped: a failure must not be lost. */
  #code: number = EXIT.ok

  constructor(screen: Screen, session: Session, call: CallOptions, system: string | undefined) {
    this.#screen = screen
    this.#session = session
    this.#call = call
    this.#system = system
  }

  async run(prompt: Prompt): Promise<number> {
    for (;;) {
      const line = await prompt.read()
      if (line === undefined || this.#screen.terminal.readerLeft.aborted) break
      const text = line.trim()
      if (text === '') continue
      if (text === '/exit' || text === '/quit') break
      if (text.startsWith('/')) this.#command(text)
      else await this.#say(line, prompt)
    }
    if (prompt.interactive && this.#totals.calls > 0) this.#remark(this.#totals.text())
    return prompt.interactive ? EXIT.ok : this.#code
  }

  async #say(text: string, prompt: Prompt): Promise<void> {
    const screen = this.#screen
    const messages: Message[] = [...this.#messages, { role: 'user', content: text }]
    const outcome = await showAnswer(screen, this.#session, (signal) =>
      this.#session.handle.streamMessage(messages, {
        ...this.#call,
        ...(this.#system === undefined ? {} : { system: this.#system }),
        ...(this.#model === undefined ? {} : { model: this.#model }),
        signal,
      }),
    )
    if (!('booked' in outcome)) {
      const { response } = outcome
      this.#messages = [...messages, { role: 'assistant', content: response.parts }]
      this.#totals.add([response])
      this.#remark(`${summaryText(response)} · so far ${this.#totals.costText()}`)
      return
    }
    this.#totals.add(outcome.booked)
    const { error, stoppedBy } = outcome
    const partial = isAIError(error) ? error.partial : undefined
    // What was read of a stopped answer is part of the conversation; without it the question was never asked.
    if (stoppedBy === 'user' && partial) {
      this.#messages = [...messages, { role: 'assistant', content: partial.text }]
    }
    if (stoppedBy === 'user') screen.note(screen.noteStyle.yellow(stoppedText(outcome)))
    else if (stoppedBy === undefined) {
      const code = await tell(screen, error)
      if (!prompt.interactive) this.#code = code
    }
  }

  #command(text: string): void {
    const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? []
    switch (name) {
      case '/help':
        for (const line of HELP) this.#remark(line)
        return
      case '/new':
        this.#messages = []
        this.#remark('a new conversation')
        return
      case '/cost':
        this.#remark(this.#totals.text())
        return
      case '/system':
        this.#system = rest === '' ? undefined : rest
        this.#remark(rest === '' ? 'no system message' : 'system message set')
        return
      case '/model':
        if (rest === '') this.#remark('write the model behind it: /model llama3.2')
        else {
          this.#model = rest
          this.#remark(`answers now come from ${printable(rest)}`)
        }
        return
      default: {
        const near = nearest(name, COMMANDS)
        this.#remark(
          `there is no ${printable(name)}; ${near === undefined ? '/help lists what there is' : `did you mean ${near}?`}`,
        )
      }
    }
  }

  #remark(text: string): void {
    this.#screen.note(this.#screen.noteStyle.dim(text))
  }
}
