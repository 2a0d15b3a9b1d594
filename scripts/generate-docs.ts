// Writes the generated parts of the docs, between their markers; with --check it only compares, and ends with 1 where
// something differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { z } from 'zod'
import { createProgram, type Actions } from '../src/cli/program.ts'
import { ENV_VARIABLES } from '../src/config/env.ts'
import { CAPABILITIES, type Capability } from '../src/core/capability.ts'
import * as gemini from '../src/drivers/gemini/index.ts'
import * as mock from '../src/drivers/mock/index.ts'
import * as ollama from '../src/drivers/ollama/index.ts'
import * as openai from '../src/drivers/openai/index.ts'
import * as xai from '../src/drivers/xai/index.ts'
import { configSchema, deadlinesSchema, factsOf, mediaSchema, providerSchema } from '../src/config/schema.ts'

const DOCS = new URL('../docs/', import.meta.url)

/** The generated parts: file, marker, text. */
const PARTS: readonly (readonly [file: string, marker: string, text: () => string])[] = [
  ['cli.md', 'cli-help', cliHelp],
  ['configuration.md', 'config', configTables],
  ['providers.md', 'capabilities', capabilityMatrix],
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
    // What every command takes is said once, at the top.
    const words = text.replace(/^Global Options:\n(?: .*\n)+\n?/m, '').trim()
    const own = `### ${names.join(' ')}\n\n\`\`\`text\n${words}\n\`\`\``
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

/** What each driver declares; its contract cases show that it is so. */
function capabilityMatrix(): string {
  const drivers: readonly (readonly [name: string, can: readonly Capability[]])[] = [
    ['[ollama](drivers/ollama.md)', ollama.CAPABILITIES],
    ['[openai](drivers/openai.md)', openai.CAPABILITIES],
    ["[openai, `dialect: 'chat'`](drivers/openai.md)", openai.CHAT_CAPABILITIES],
    ['[xai](drivers/xai.md)', xai.CAPABILITIES],
    ['[gemini](drivers/gemini.md)', gemini.CAPABILITIES],
    ['[mock](testing.md)', mock.CAPABILITIES],
  ]
  const head = ['Driver', ...CAPABILITIES]
  const rows = drivers.map(([name, can]) => [
    name,
    ...CAPABILITIES.map((one) => (can.includes(one) ? 'yes' : '')),
  ])
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
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
