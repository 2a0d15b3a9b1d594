import type { Bill, Demand } from '../../core/driver.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import { demandOf } from '../demand.ts'
import type { Billed } from '../rooms.ts'
import { tokenLines } from '../token-lines.ts'
import { isAcme, type AcmeOptions } from './api.ts'

/** Which counts are billed as what: no prices here, and no arithmetic. */
export function toBill(billed: Billed<AcmeOptions>): Bill {
  const { options, model, usage } = billed
  return {
    locality: options.local === true ? 'declared' : 'remote',
    vendor: toVendor(billed),
    model,
    lines: tokenLines(usage),
  }
}

/** The most that a request can be billed for: an upper bound, never an estimate. */
export function toDemand(
  request: ChatRequest | EmbedRequest,
  where: Omit<Billed<AcmeOptions>, 'usage' | 'facts'>,
): Demand {
  // Until it is known that the limit that is sent bounds all that is billed as output, it does not.
  return { ...demandOf(request), vendor: toVendor(where), outputBound: 'uncapped' }
}

function toVendor({
  options,
  address,
}: Pick<Billed<AcmeOptions>, 'options' | 'address'>): string | undefined {
  return options.prices ?? (isAcme(address.hostname) ? 'acme' : undefined)
}
