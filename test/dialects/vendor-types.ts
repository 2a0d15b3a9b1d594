import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')

/** Compiles bodies against a type of the vendor's own package. */
export interface VendorTypes {
  /** What the compiler says is wrong with the bodies; empty where the type takes them all. */
  readonly faultsOf: (bodies: readonly unknown[]) => Promise<string>
  readonly remove: () => void
}

/** Needs a folder of its own, inside the package, so that the vendor's types are found, and where nothing is kept. */
export function vendorTypes(type: string, module: string): VendorTypes {
  const folder = join(ROOT, '.vitest', `types-${type}`)
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  return {
    remove,
    faultsOf: async (bodies) => {
      remove()
      mkdirSync(folder, { recursive: true })
      const lines = bodies.map((body, index) => `export const b${index}: ${type} = ${JSON.stringify(body)}`)
      const source = [`import type { ${type} } from '${module}'`, ...lines]
      writeFileSync(join(folder, 'bodies.ts'), `${source.join('\n')}\n`)
      const config = {
        extends: '../../tsconfig.json',
        compilerOptions: { paths: {}, rootDir: '../..' },
        include: ['*.ts'],
      }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
      const run = promisify(execFile)(process.execPath, [tsc, '-p', folder], { cwd: ROOT })
      return (await run.catch((error: { stdout: string }) => error)).stdout
    },
  }
}
