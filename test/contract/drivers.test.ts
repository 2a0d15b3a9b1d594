import { describe, expect, it } from 'vitest'
import { driverContract } from '../../src/testing/contract-cases.ts'
import { runContractCase } from '../../src/testing/driver-contract.ts'
import { geminiSubject, mockSubject, ollamaSubject } from '../../src/testing/subjects.ts'
import { xaiSubject } from '../../src/testing/xai-subject.ts'

const SUBJECTS = [mockSubject, ollamaSubject, xaiSubject, geminiSubject]

describe.each(SUBJECTS)('$name', (subject) => {
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
    const { createAI } = await import('../../src/index.ts')
    await using ai = createAI({ providers: subject.down })
    const health = await ai.health()
    expect(health.status).toBe('down')
    expect(health.issues).toHaveLength(1)
  })
})
