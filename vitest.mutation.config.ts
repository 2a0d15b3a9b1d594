import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { defineConfig } from 'vitest/config'

/** Where most faults show comes first: a run ends with the first test that fails. */
const NAMES = [
  'errors',
  'reduce',
  'tool-wire',
  'tools',
  'locality',
  'context',
  'load-profile',
  'thinking',
  'stream',
]
const FILES = [...NAMES.map((name) => `test/drivers/ollama/${name}.test.ts`), 'test/money/money.test.ts']

class InOrder extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number =>
      FILES.findIndex((file) => moduleId.endsWith(file))
    return specifications.toSorted((one, other) => place(one) - place(other))
  }
}

/** The tests by which the mutants of stryker.config.json are measured: `npm run test:mutation`. */
export default defineConfig({
  test: { include: FILES, sequence: { sequencer: InOrder }, testTimeout: 20_000 },
})
