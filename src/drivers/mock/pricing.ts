import type { Bill } from '../../core/driver.ts'
import type { Billed } from '../rooms.ts'
import { tokenLines } from '../token-lines.ts'
import type { MockOptions } from './api.ts'

export { demandOf as toDemand } from '../demand.ts'

/** A script is billed like a cloud, by the user's own prices, unless it is declared local. */
export function toBill({ options, model, usage }: Billed<MockOptions>): Bill {
  return { locality: options.local === true ? 'declared' : 'unknown', model, lines: tokenLines(usage) }
}
