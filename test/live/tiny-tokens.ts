// The vocabulary of a tiny model: a chain in which every token has one successor, and the last token of the prompt
// decides which text is said.

/** What is said: a text, cut into words here, or pieces, each one token: unique and longer than a byte. */
export interface Reply {
  readonly text?: string
  readonly pieces?: readonly (string | Uint8Array)[]
  /** Begins again at the first piece when the last was said. */
  readonly endless?: boolean
  /** What is said in its place where the prompt ends in the trigger and `OFF`. */
  readonly off?: Reply
}

/** What a message has to end in, and what is said then. */
export type Script = Readonly<Record<string, Reply>>

/** Marks that a template may write; a prompt's own text can too, but no answer shows them. */
export const START = '<|im_start|>'
export const END = '<|im_end|>'
/** Behind a trigger: the answer without thoughts. */
export const OFF = '<|off|>'
/** Begins what is said to everything else. The line feed keeps it out of texts in JSON. */
const FIRST = '<|first\n|>'

/** Kinds of tokens (llama.cpp llama_token_type). */
const NORMAL = 1
const CONTROL = 3
const USER_DEFINED = 4

export interface Token {
  readonly text: string
  readonly type: number
  /** What it gets where a grammar forbids the successor: the highest is said. */
  readonly preference: number
  /** Index of the token that follows. */
  next: number
}

export const BYTES = 256
/** GPT-2's alphabet: every byte as a printable character, those that are none as characters from 256 on. */
export const BYTE_ALPHABET: readonly string[] = byteAlphabet()

function byteAlphabet(): readonly string[] {
  let extra = BYTES
  return Array.from({ length: BYTES }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    return String.fromCodePoint(printable ? byte : extra++)
  })
}

function encoded(piece: string | Uint8Array): string {
  const bytes = typeof piece === 'string' ? new TextEncoder().encode(piece) : piece
  return Array.from(bytes, (byte) => BYTE_ALPHABET[byte] ?? '').join('')
}

/** Under a grammar the shortest document is wanted: its ends first, and white space last. */
const WANTED = '"}]{<,:0'
const END_PREFERENCE = 1_600
const NEVER = -500
const RELUCTANT = -100

function preferenceOf(byte: number): number {
  const rank = WANTED.indexOf(String.fromCodePoint(byte))
  if (rank >= 0) return 1_500 - 10 * rank
  // Steps of 10, so that chance has no say at any usual temperature.
  if (byte > 32 && byte < 127) return 1_420 - 10 * byte
  if (byte >= 128) return 100 - byte / 4
  return byte === 32 ? 20 : 10
}

/** How far a cut may be moved from the beginning of a word, in characters. */
const SHIFT_MAX = 12

/** Cuts a text into pieces that are not taken yet, near the beginnings of its words. */
function cut(text: string, taken: ReadonlySet<string>): readonly string[] {
  const chars = Array.from(text)
  const from = (start: number, used: readonly string[]): readonly string[] | undefined => {
    if (start === chars.length) return used
    const isWordStart = (at: number): boolean =>
      /\s/.test(chars[at] ?? ' ') && !/\s/.test(chars[at - 1] ?? '')
    let word = start + 1
    while (word < chars.length && !isWordStart(word)) word++
    const shifts = Array.from({ length: SHIFT_MAX }, (_, index) => [-index - 1, index + 1]).flat()
    for (const end of [word, ...shifts.map((shift) => word + shift)]) {
      if (end <= start || end > chars.length) continue
      const piece = chars.slice(start, end).join('')
      if (Buffer.byteLength(piece) < 2 || taken.has(encoded(piece)) || used.includes(piece)) continue
      const whole = from(end, [...used, piece])
      if (whole) return whole
    }
    return undefined
  }
  const pieces = from(0, [])
  if (!pieces) throw new Error(`There is no way to cut this into unused pieces: ${text}`)
  return pieces
}

/** The bytes, the marks, the triggers, and the pieces of the replies, each with its successor; the end is at `BYTES`. */
export function tokensOf(script: Script, fallback: Reply): Token[] {
  const tokens: Token[] = BYTE_ALPHABET.map((text, byte) => ({
    text,
    type: NORMAL,
    preference: preferenceOf(byte),
    next: -1,
  }))
  const taken = new Set(BYTE_ALPHABET)
  const add = (text: string, type: number, preference: number, next: number = -1): number => {
    if (taken.has(text)) throw new Error(`A piece stands twice in the script: ${text}`)
    taken.add(text)
    return tokens.push({ text, type, preference, next }) - 1
  }
  const end = add(END, CONTROL, END_PREFERENCE)
  const chain = ({ text, pieces = cut(text ?? '', taken), endless = false }: Reply): number => {
    const first = tokens.length
    for (const piece of pieces) add(encoded(piece), NORMAL, RELUCTANT, tokens.length + 1)
    const last = tokens.at(-1)
    if (!last || pieces.length === 0) return end
    last.next = endless ? first : end
    return first
  }
  add(START, CONTROL, NEVER)
  add(OFF, CONTROL, NEVER)
  const begin = add(FIRST, CONTROL, NEVER)
  const said = chain(fallback)
  for (const token of tokens) if (token.next < 0) token.next = begin
  for (const token of tokens.slice(begin, begin + 1)) token.next = said
  for (const [trigger, reply] of Object.entries(script)) {
    const next = chain(reply)
    add(trigger, USER_DEFINED, NEVER, next)
    add(trigger + OFF, USER_DEFINED, NEVER, reply.off ? chain(reply.off) : next)
  }
  return tokens
}
