import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DRIVERS } from '../src/drivers/registry.ts'

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')

const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70

/** Words that the field has given up, or that say nothing (design: names are the field's own terms). */
const UNWANTED_WORDS =
  /\b(completionTokens|max_tokens|gen_ai\.system|helpers?|(?<!node:)utils?(?!\.inspect)|doStuff|manager)\b/i

/** Lower layers first; a folder imports only from the layers below it and, within its own, without a cycle. */
const LAYERS: readonly (readonly string[])[] = [
  ['money'],
  ['core'],
  ['transport', 'pricing', 'dialects'],
  ['drivers'],
  ['pipeline', 'budget', 'ledger', 'events', 'tools', 'conversation'],
  ['config', 'client', 'cli', 'gateway', 'testing'],
]

const ROOMS = ['api', 'errors', 'health', 'index', 'models', 'pricing', 'stream', 'tools', 'wire']

/** What each room of every driver exports, so that two drivers can be compared file by file. */
const EXPORTS_OF_ROOM: Readonly<Record<string, readonly string[]>> = {
  api: ['chatPath', 'toAddress'],
  errors: ['toError'],
  health: ['probe'],
  index: ['CAPABILITIES'],
  models: ['listModels', 'getModel'],
  pricing: ['toBill', 'toDemand'],
  stream: ['FRAMING', 'INITIAL', 'reduce', 'isComplete'],
  wire: ['toWire', 'fromWire'],
}

interface Source {
  readonly path: string
  readonly folder: string
  readonly text: string
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? filesUnder(path) : [path]
  })
}

function read(path: string): Source {
  const inSrc = relative(SRC, path).split(sep)
  return {
    path: relative(ROOT, path),
    folder: inSrc.length > 1 ? (inSrc[0] ?? '') : '',
    text: readFileSync(path, 'utf8'),
  }
}

const sources = filesUnder(SRC)
  .filter((path) => path.endsWith('.ts'))
  .map(read)

/** Comments and texts say what they like; rules are about code. */
function codeOf(source: Source): string {
  return source.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

function importsOf(source: Source): string[] {
  return [...source.text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => {
    const target = join(ROOT, source.path, '..', match[1] ?? '')
    return relative(SRC, target).split(sep).join('/')
  })
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((folders) => folders.includes(folder))
}

function offenders(rule: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => rule(source).map((what) => `${source.path}: ${what}`))
}

function lines(source: Source, pattern: RegExp): string[] {
  return codeOf(source)
    .split('\n')
    .filter((line) => pattern.test(line))
    .map((line) => line.trim())
}

describe('the house', () => {
  it('has every folder of src in a layer', () => {
    const folders = new Set(sources.map((source) => source.folder).filter((folder) => folder !== ''))
    expect([...folders].filter((folder) => layerOf(folder) < 0)).toEqual([])
  })

  it('imports downwards only', () => {
    const upwards = offenders((source) =>
      importsOf(source).filter((target) => {
        const folder = target.includes('/') ? (target.split('/')[0] ?? '') : ''
        // ai.ts and index.ts stand above all layers, runtime.ts below them.
        if (folder === '') return source.folder !== '' && target !== 'runtime.ts' && !mayUseFacade(source)
        return source.folder !== '' && layerOf(folder) > layerOf(source.folder)
      }),
    )
    expect(upwards).toEqual([])
  })

  it('keeps two drivers, and two stores, apart', () => {
    const crossing = offenders((source) => {
      const own = /^src\/(drivers|ledger)\/([^/]+)\//.exec(source.path)
      if (!own) return []
      return importsOf(source).filter((target) => {
        const [area, room, file] = target.split('/')
        return area === own[1] && file !== undefined && room !== own[2]
      })
    })
    expect(crossing).toEqual([])
  })

  it('has money that imports nothing, and multiplies it in one place', () => {
    expect(
      offenders((source) =>
        source.folder === 'money' ? importsOf(source).filter((to) => !to.startsWith('money/')) : [],
      ),
    ).toEqual([])
    const elsewhere = offenders((source) =>
      source.folder === 'money' || source.path === 'src/pricing/cost-of.ts'
        ? []
        : lines(source, /[Pp](icos|rice)\s*\*|\*\s*\w*([Pp]icos|[Pp]rice)\b/),
    )
    expect(elsewhere).toEqual([])
  })

  it('makes no number of money', () => {
    const numbers = offenders((source) =>
      ['money', 'pricing', 'budget'].includes(source.folder)
        ? lines(source, /\bNumber\(|parseFloat|parseInt|Math\./)
        : [],
    )
    expect(numbers).toEqual([])
  })

  it('takes the outside in by one door', () => {
    const doors =
      /\b(Date\.now|new Date\(\)|Math\.random|process\.env|(?<!\.)setTimeout\(|setInterval\(|(?<!typeof )globalThis\.fetch)/
    const around = offenders((source) => (source.path === 'src/runtime.ts' ? [] : lines(source, doors)))
    expect(around).toEqual([])
  })

  it('compares no provider by name outside the drivers', () => {
    const compared = offenders((source) =>
      ['drivers', 'testing', 'cli'].includes(source.folder)
        ? []
        : lines(source, /(provider|driver|name)\s*[!=]==?\s*'(ollama|openai|xai|gemini|mock)'/),
    )
    expect(compared).toEqual([])
  })

  it('gives every driver the same rooms with the same exports', () => {
    const folders = readdirSync(join(SRC, 'drivers'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    for (const { name } of folders) {
      const rooms = readdirSync(join(SRC, 'drivers', name)).map((file) => file.replace(/\.ts$/, ''))
      expect(rooms.toSorted(), name).toEqual(ROOMS)
      for (const room of ROOMS) {
        const { text } = read(join(SRC, 'drivers', name, `${room}.ts`))
        const own = [...text.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)].map(
          (match) => match[1],
        )
        // A room that has nothing of its own to do passes on what all have.
        const reexported = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap((match) =>
          (match[1] ?? '').split(',').map((one) => one.trim().split(' as ').at(-1)),
        )
        const exported = [...own, ...reexported]
        for (const wanted of EXPORTS_OF_ROOM[room] ?? [])
          expect(exported, `${name}/${room}`).toContain(wanted)
      }
      expect(
        readFileSync(join(SRC, 'drivers', name, 'index.ts'), 'utf8').split('\n').length,
      ).toBeLessThanOrEqual(80)
    }
  })

  it('lets no driver replace the attempt', async () => {
    for (const name of ['mock', ...Object.keys(DRIVERS)]) {
      const driver = (await import(`../src/drivers/${name}/index.ts`)) as Readonly<Record<string, unknown>>
      const classes = Object.values(driver).filter(
        (value): value is { readonly name: string; readonly prototype: object } =>
          typeof value === 'function' && value.name.endsWith('Driver'),
      )
      expect(classes, name).toHaveLength(1)
      for (const one of classes) expect(Object.getOwnPropertyNames(one.prototype)).toEqual(['constructor'])
    }
  })

  it('has registry, exports, docs pages and fixtures for the same drivers', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>
    }
    const fixed = new Set(['.', './testing', './package.json'])
    const exported = Object.keys(exports)
      .filter((path) => !fixed.has(path))
      .map((path) => path.slice(2))
    const pages = readdirSync(join(ROOT, 'docs/drivers')).map((file) => file.replace(/\.md$/, ''))
    const fixtures = readdirSync(join(ROOT, 'test/fixtures'))
    const registered = Object.keys(DRIVERS).toSorted()
    expect(exported.toSorted()).toEqual(registered)
    const about = new Set(['index', 'writing-a-driver'])
    expect(pages.filter((page) => !about.has(page)).toSorted()).toEqual(registered)
    expect(fixtures.toSorted()).toEqual(registered)
  })

  it('has files and functions of a size to be read', () => {
    const long = offenders((source) => {
      const all = source.text.split('\n')
      const found = all.length > FILE_LINES_MAX ? [`${all.length} lines`] : []
      return [...found, ...longFunctions(all)]
    })
    expect(long).toEqual([])
  })

  it('has none of what makes code hard to trust', () => {
    const unwanted =
      /\bexport \*|\b(enum|namespace) \w+ \{|: any\b|as any\b|@ts-(ignore|expect-error)|\bTODO\b|\bFIXME\b|catch \{\s*\}/
    expect(offenders((source) => lines(source, unwanted))).toEqual([])
  })

  it('names every limit with what it limits', () => {
    const unnamed = offenders((source) =>
      lines(source, /^export const \w*(MAX|LIMIT)\w* /).filter((line) => !/_(MAX|MIN)\b/.test(line)),
    )
    expect(unnamed).toEqual([])
  })

  it('speaks the words of the field', () => {
    // What stands in quotes are the words of a provider.
    const said = offenders((source) =>
      lines(source, UNWANTED_WORDS).filter((line) =>
        UNWANTED_WORDS.test(line.replaceAll(/'[^']*'|MAX_TOKENS:/g, '')),
      ),
    )
    expect(said).toEqual([])
  })

  it('names its tests as sentences', () => {
    const tests = filesUnder(join(ROOT, 'test')).filter((path) => path.endsWith('.test.ts'))
    const doubtful = tests.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/\b(?:it|test)(?:\.\w+)*\(\s*'([^']*)'/g)]
        .filter((match) => /\bshould\b/i.test(match[1] ?? ''))
        .map((match) => `${relative(ROOT, path)}: ${match[1]}`),
    )
    expect(doubtful).toEqual([])
  })
})

/** The stand-ins, the contract and the programs use groat as its users do. */
function mayUseFacade(source: Source): boolean {
  return source.folder === 'testing' || source.folder === 'cli' || source.folder === 'gateway'
}

/** Functions by indentation: the formatter puts the closing brace under the beginning. */
function longFunctions(all: readonly string[]): string[] {
  return all.flatMap((line, index) => {
    const begins =
      /^(\s*)(?:export )?(?:async )?(?:function\b|(?:static |override |async |get |#)*[\w#]+(?:<[^>]*>)?\([^)]*\)[^;]*\{$|constructor\()/.exec(
        line,
      )
    if (!begins || !/[{(]$/.test(line)) return []
    const indent = begins[1] ?? ''
    const end = all.findIndex(
      (later, at) => at > index && later.startsWith(`${indent}}`) && !later.startsWith(`${indent} `),
    )
    return end - index > FUNCTION_LINES_MAX ? [`${line.trim().slice(0, 50)} has ${end - index} lines`] : []
  })
}
