import type { Capability } from '../core/capability.ts'
import type { Driver } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import { neededBy } from '../core/needs.ts'
import type { ChatRequest } from '../core/request.ts'

/** Refuses a request that needs what the driver does not declare, before anything is sent. */
export function assertCapable(driver: Driver, request: ChatRequest): void {
  assertDeclared(driver, request.model, neededBy(request))
}

/** Refuses what the driver does not declare. @throws AIError `capability_unsupported` */
export function assertDeclared(driver: Driver, model: string, needed: Iterable<Capability>): void {
  for (const capability of needed) {
    if (driver.capabilities.has(capability)) continue
    throw new AIError({
      code: 'capability_unsupported',
      message:
        `The driver of ${driver.provider} does not do ${capability}: leave it out of the call, or use a provider ` +
        `that does. It does ${[...driver.capabilities].join(', ')}`,
      provider: driver.provider,
      model,
      details: { capability, capabilities: [...driver.capabilities] },
    })
  }
}
