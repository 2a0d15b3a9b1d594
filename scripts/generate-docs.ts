// Writes the generated parts of the docs, between their markers; with --check it only compares, and ends with 1 where
// something differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { z } from 'zod'
import { createProgram, type Actions } from '../src/cli/program.ts'
import { ENV_VARIABLES } from '../src/config/env.ts'
import { configSchema, deadlinesSchema, factsOf, mediaSchema, providerSchema } from '../src/config/schema.ts'

const DOCS = new URL('../docs/', import.meta.url)

/** The generated parts: file, marker, text. */
const PARTS: readonly (readonly [file: string, marker: string, text: () => string])[] = [
  ['cli.md', 'cli-help', cliHelp],
  ['configuration.md', 'config', configTables],
]

function cliHelp(): string {
  let text = ''
  const written = new Writable({
    write: (piece, _, done) => {
      text += String(piece)
      done()
    },
  })
  // Only the words are wanted: whatever the commands call does nothing.
  const actions = new Proxy({} as Actions, { get: () => async () => {} })
  const program = createProgram({ stdout: written, stderr: written }, actions)
  const helpOf = (command: Command, above: readonly string[]): string[] => {
    text = ''
    command.outputHelp()
    const names = [...above, command.name()]
    const own = `### ${names.join(' ')}\n\n\`\`\`text\n${text.trim()}\n\`\`\``
    return [own, ...command.commands.flatMap((one) => helpOf(one, names))]
  }
  return helpOf(program, []).join('\n\n')
}

function configTables(): string {
  const variables = Object.entries(ENV_VARIABLES).map(([name, facts]) => ({ name, ...facts }))
  return [
    table('Key', rowsOf(configSchema)),
    '### One provider',
    table('Key', rowsOf(providerSchema)),
    '### `timeouts` of a provider',
    table('Key', rowsOf(deadlinesSchema)),
    '### `media` of a provider',
    table('Key', rowsOf(mediaSchema)),
    '### Environment',
    table('Variable', variables),
  ].join('\n\n')
}

interface Row {
  readonly name: string
  readonly takes: string
  readonly description: string
}

function rowsOf(schema: z.ZodObject): Row[] {
  return Object.entries(schema.shape).map(([name, value]) => {
    const facts = factsOf(value)
    if (!facts) throw new Error(`The key ${name} of the configuration has no description`)
    return { name, ...facts }
  })
}

function table(head: string, rows: readonly Row[]): string {
  const lines = rows.map(({ name, takes, description }) => `| \`${name}\` | ${takes} | ${description} |`)
  return [`| ${head} | Takes | What it is |`, '|---|---|---|', ...lines].join('\n')
}

/** The page with a part replaced. */
function withPart(page: string, marker: string, text: string): string {
  const [open, close] = [`<!-- gen:${marker} -->`, `<!-- /gen:${marker} -->`]
  const from = page.indexOf(open)
  const to = page.indexOf(close)
  if (from < 0 || to < from) throw new Error(`There are no markers ${open} … ${close}`)
  return `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`
}

const check = process.argv.includes('--check')
for (const [file, marker, text] of PARTS) {
  const path = fileURLToPath(new URL(file, DOCS))
  const page = readFileSync(path, 'utf8')
  const wanted = withPart(page, marker, text())
  if (wanted === page) continue
  if (check) {
    console.error(`docs/${file} is not what scripts/generate-docs.ts writes: run it, and commit the page`)
    process.exitCode = 1
  } else {
    writeFileSync(path, wanted)
    console.log(`docs/${file} written`)
  }
}
