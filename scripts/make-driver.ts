// Makes a driver from templates/driver: `npm run make:driver NAME`. It copies nine rooms, a stand-in, a contract subject,
// tests, a fixture and a page of the docs, and registers what it made. It changes nothing where it cannot do all of it.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = process.cwd()
const TEMPLATE = join(ROOT, 'templates/driver')

/** How a driver may be called: the name is a file, an identifier, a key of the configuration and part of a variable. */
const NAME = /^[a-z][a-z0-9]{1,31}$/
/** Names that mean something else already. */
const TAKEN = new Set([
  'groat',
  'testing',
  'mock',
  'default',
  'drivers',
  'index',
  'class',
  'function',
  'import',
  'export',
])

/** Where the template says its own name, in the three ways in which names are written. */
function named(text: string, name: string): string {
  const capital = name.slice(0, 1).toUpperCase() + name.slice(1)
  return text.replaceAll('acme', name).replaceAll('Acme', capital).replaceAll('ACME', name.toUpperCase())
}

function filesIn(folder: string): string[] {
  return readdirSync(join(TEMPLATE, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

/** A change to a file that is there: the text as it will be. */
interface Edit {
  readonly path: string
  readonly text: string
}

/** Puts a text before the first place where another one stands, which must be there. */
function before(path: string, mark: string, added: string): Edit {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const at = text.lastIndexOf(mark)
  if (at < 0) fail(`${path} has no ${JSON.stringify(mark)}: the template is older than it`)
  return { path, text: text.slice(0, at) + added + text.slice(at) }
}

function editsFor(name: string): readonly Edit[] {
  return [
    before(
      'src/drivers/registry.ts',
      '}\n',
      named("  acme: { load: async () => (await import('./acme/index.ts')).acme },\n", name),
    ),
    before(
      'package.json',
      '    "./testing": {',
      named(
        '    "./acme": {\n      "types": "./dist/drivers/acme/index.d.ts",\n      "default": "./dist/drivers/acme/index.js"\n    },\n',
        name,
      ),
    ),
    before(
      'src/testing/index.ts',
      '// A scripted provider without a server',
      named(
        "export { fakeAcme } from './fake-acme.ts'\nexport type { AcmeReply, FakeAcme } from './fake-acme.ts'\nexport { acmeSubject } from './acme-subject.ts'\n\n",
        name,
      ),
    ),
  ]
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}

const [name = ''] = process.argv.slice(2)
if (!NAME.test(name) || TAKEN.has(name)) {
  fail(
    `${JSON.stringify(name)} is no name for a driver: npm run make:driver NAME, in small letters and digits, as in "mistral"`,
  )
}
const made = filesIn('').map((path) => ({ from: join(TEMPLATE, path), to: named(path, name) }))
const there = made.filter(({ to }) => existsSync(join(ROOT, to)))
if (there.length > 0) fail(`${there.map(({ to }) => to).join(', ')} is there already: nothing was made`)
const edits = editsFor(name)

for (const { from, to } of made) {
  mkdirSync(dirname(join(ROOT, to)), { recursive: true })
  writeFileSync(join(ROOT, to), named(readFileSync(from, 'utf8'), name))
}
for (const { path, text } of edits) writeFileSync(join(ROOT, path), text)
// Another name has another length, and lines break elsewhere.
const sources = [...made.map(({ to }) => to), ...edits.map(({ path }) => path)].filter((path) =>
  path.endsWith('.ts'),
)
execFileSync(join(ROOT, 'node_modules/.bin/oxfmt'), sources, { cwd: ROOT, stdio: 'ignore' })

console.log(
  `Made ${made.length} files for ${name}, and registered it in ${edits.map(({ path }) => path).join(', ')}.`,
)
console.log(
  `It speaks a protocol that was made up: docs/drivers/writing-a-driver.md says what to change, room by room.`,
)
console.log(`Try it: npm exec -- vitest run test/drivers/${name}`)
