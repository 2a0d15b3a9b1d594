import { describe, expect, it } from 'vitest'
import { createAI } from '../../src/index.ts'
import { driverContract } from '../../src/testing/contract-cases.ts'
import { runContractCase, type ContractSubject } from '../../src/testing/driver-contract.ts'

/** Runs every case of the driver contract that concerns a driver: one line for each. */
export function holdToContract(subject: ContractSubject): void {
  describe(subject.name, () => {
    const declared = new Set(subject.capabilities)
    for (const one of driverContract) {
      const undeclared = one.needs.some((capability) => !declared.has(capability))
      const declaredAfterAll = one.lacks !== undefined && declared.has(one.lacks)
      // It is about drivers that lack what this one has.
      if (declaredAfterAll) continue
      it.skipIf(undeclared)(one.name, async () => {
        await runContractCase(one, subject)
      })
    }

    it('is down as a value when nothing is there', async () => {
      await using ai = createAI({ providers: subject.down })
      const health = await ai.health()
      expect(health.status).toBe('down')
      expect(health.issues).toHaveLength(1)
    })
  })
}
