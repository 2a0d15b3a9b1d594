import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../src/core/errors.ts'
import { fakeOllama, type FakeOllama } from '../src/testing/index.ts'
import { QUIET, READS_AWAIT_USING } from './node.ts'

const ROOT = join(import.meta.dirname, '..')
// Inside the package, so that `groat` in a fence is the package itself, by its own exports.
const FENCES = join(ROOT, `.docs-check-${process.pid}`)

interface Fence {
  readonly page: string
  readonly file: string
  readonly code: string
  /** For a fence that runs: what it prints. */
  readonly printed: string | undefined
}

const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

function fencesOf(page: string): Fence[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const fences = [...text.matchAll(/^```ts( run)?\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```$)?/gm)]
  return fences.map(([, run, code = '', printed], index) => ({
    page,
    file: join(FENCES, `${page.replaceAll(/[/\\]/g, '-')}-${index + 1}.ts`),
    code,
    printed: run === undefined ? undefined : (printed ?? ''),
  }))
}

interface Link {
  /** Empty for one within the page. */
  readonly path: string
  readonly heading: string | undefined
}

/** The links of a page to what is in the repository. */
function linksOf(page: string): Link[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/```[\s\S]*?```|`[^`]*`/g, '')
  return [...text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)]
    .map(([, path = '', heading]) => ({ path: path.replaceAll(/\s+/g, ''), heading }))
    .filter(({ path }) => !/^[a-z]+:/.test(path))
}

/** The names by which links reach the headings of a page, as GitHub makes them. */
function headingsOf(page: string): ReadonlySet<string> {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((one) =>
      one
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

const fences = PAGES.flatMap(fencesOf)
let server: FakeOllama

beforeAll(async () => {
  rmSync(FENCES, { recursive: true, force: true })
  mkdirSync(FENCES)
  // A fence without imports is a module all the same.
  for (const { file, code } of fences) writeFileSync(file, `${code}\nexport {}\n`)
  server = await fakeOllama({ models: ['llama3.2'] })
})

afterAll(async () => {
  rmSync(FENCES, { recursive: true, force: true })
  await server.close()
})

describe('the docs', () => {
  it('have code that type-checks', async () => {
    const config = {
      extends: '../tsconfig.json',
      compilerOptions: {
        paths: {},
        rootDir: '..',
        noUnusedLocals: false,
        // What Node 22 runs below.
        noEmit: READS_AWAIT_USING,
        declaration: false,
      },
      include: ['*.ts'],
    }
    writeFileSync(join(FENCES, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const checked = promisify(execFile)(process.execPath, [tsc, '-p', FENCES], { cwd: ROOT })
    const { stdout } = await checked.catch((error: { stdout: string }) => error)
    expect(stdout).toBe('')
    expect(fences.length).toBeGreaterThan(10)
  })

  it.each(
    fences
      .filter((fence) => fence.printed !== undefined)
      .map((fence) => [relative(FENCES, fence.file), fence]),
  )('print what they say: %s', async (_, fence) => {
    const env = { PATH: process.env['PATH'], OLLAMA_HOST: server.url }
    const file = READS_AWAIT_USING ? fence.file : fence.file.replace(/ts$/, 'js')
    const args = [...QUIET, file]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: FENCES, env })
    expect(stderr).toBe('')
    expect(stdout.trimEnd()).toBe(fence.printed?.trimEnd())
  })

  it('link to what is there, to the heading', () => {
    const broken = PAGES.flatMap((page) =>
      linksOf(page)
        .filter(({ path, heading }) => {
          const target = join(dirname(page), path === '' ? basename(page) : path)
          if (!existsSync(join(ROOT, target))) return true
          return heading !== undefined && !headingsOf(target).has(heading)
        })
        .map(({ path, heading }) => `${page}: ${path}#${heading ?? ''}`),
    )
    expect(broken).toEqual([])
  })

  it('are all found from the README', () => {
    const found = new Set(['README.md'])
    for (const page of found) {
      for (const { path } of linksOf(page)) {
        const target = join(dirname(page), path)
        const pages = PAGES.filter((one) => one === target || dirname(one) === target)
        for (const one of pages) found.add(one)
      }
    }
    const docs = PAGES.filter((page) => page.startsWith('docs'))
    expect(docs.filter((page) => !found.has(page))).toEqual([])
    expect(docs.length).toBeGreaterThan(20)
  })

  it('have a section for each error code, and for no other', () => {
    const sections = [...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^### (\w+)$/gm)]
    expect(sections.map((match) => match[1])).toEqual(Object.keys(ERROR_CODES))
  })

  it('explain every warning that there is', () => {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(ROOT, 'src', name), 'utf8'))
    const codes = new Set(
      sources.flatMap((text) => [...text.matchAll(/code: '([a-z]+(?:-[a-z0-9]+)+)'/g)].map((m) => m[1])),
    )
    const pages = PAGES.map((page) => readFileSync(join(ROOT, page), 'utf8')).join('\n')
    expect([...codes].filter((code) => !pages.includes(`\`${code}\``))).toEqual([])
    expect(codes.size).toBeGreaterThan(15)
  })

  it('name the scripts and commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
    const named = PAGES.flatMap((page) => [
      ...readFileSync(join(ROOT, page), 'utf8').matchAll(/npm run ([\w:]+)/g),
    ])
    expect(
      named.map((match) => match[1]).filter((name) => !Object.keys(scripts).includes(name ?? '')),
    ).toEqual([])
  })
})
