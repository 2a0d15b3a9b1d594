/** Breaks a text that comes in pieces into lines that fit, each with the same indent. */
export class WrappedText {
  readonly #write: (text: string) => Promise<void>
  readonly #indent: string
  readonly #columns: number
  #column = 0

  constructor(write: (text: string) => Promise<void>, indent: number, columns: number) {
    this.#write = write
    this.#indent = ' '.repeat(indent)
    this.#columns = columns
  }

  /** Writes the next piece; a word that comes in two pieces may be broken between them. */
  async add(text: string): Promise<void> {
    let out = ''
    for (const piece of text.match(/\n|[^\S\n]+|\S+/g) ?? []) {
      if (piece === '\n') {
        out += '\n'
        this.#column = 0
        continue
      }
      const isSpace = piece.trim() === ''
      const atStart = this.#column <= this.#indent.length
      if (isSpace && atStart) continue
      if (!isSpace && !atStart && this.#column + piece.length > this.#columns) {
        out = `${out.trimEnd()}\n`
        this.#column = 0
      }
      if (this.#column === 0) {
        out += this.#indent
        this.#column = this.#indent.length
      }
      out += piece
      this.#column += piece.length
    }
    if (out !== '') await this.#write(out)
  }
}
