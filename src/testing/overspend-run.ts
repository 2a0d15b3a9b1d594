import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatDecimal, parseDecimal } from '../money/decimal.ts'
import { subtract, ZERO, type Picos } from '../money/picos.ts'
import { systemRuntime, type Clock } from '../runtime.ts'
import { startMeteredProvider } from './metered-provider.ts'
import type {
  OverspendAbility,
  OverspendResult,
  OverspendScenario,
  OverspendSubject,
  OverspendWorld,
} from './overspend.ts'
import { JumpingClock, OverspendStage } from './overspend-stage.ts'

/** Runs one scenario over one subject, with a provider and a set-up that exist for nothing else. */
export async function runOverspendScenario(
  scenario: OverspendScenario,
  subject: OverspendSubject,
): Promise<OverspendResult> {
  const limit = scenario.most ?? scenario.limits[0]?.limit ?? '0'
  const named = { scenario: scenario.name, subject: subject.name, limit }
  const lacks = (scenario.needs ?? []).filter((need) => !can(subject, need))
  if (lacks.length > 0) {
    const nothing = { billed: '0', accounted: '0', refused: 0, admitted: 0 }
    return { ...named, ...nothing, verdict: 'not-run', note: `It has no ${lacks.join(', no ')}` }
  }
  const clock = new JumpingClock(scenario.startsAt)
  await using provider = await startMeteredProvider({
    models: scenario.models,
    clock,
    ...(scenario.manner && { manner: scenario.manner }),
    ...(scenario.bytesPerToken !== undefined && { bytesPerToken: scenario.bytesPerToken }),
  })
  const folder = mkdtempSync(join(tmpdir(), 'overspend-'))
  const world = worldOf(scenario, provider.baseUrl, folder, clock)
  try {
    const setup = await subject.open(world)
    const stage = new OverspendStage({ provider, setup, subject, world, clock })
    try {
      await scenario.run(stage)
      await provider.settled()
      const accounted = await setup.accounted()
      const broken = (await setup.verify?.()) ?? []
      const { refused, admitted } = stage
      const told = { billed: String(provider.billed()), accounted, refused, admitted }
      const billedOf = (model: string): string => String(provider.billed(model))
      return { ...named, ...told, ...judge(scenario, { ...told, limit, broken, billedOf }) }
    } finally {
      await stage.close()
      await setup.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function can(subject: OverspendSubject, need: OverspendAbility): boolean {
  return subject.abilities.includes(need) && (need !== 'processes' || subject.worker !== undefined)
}

function worldOf(
  { models, unpriced = [], limits }: OverspendScenario,
  baseUrl: string,
  folder: string,
  clock: Clock,
): OverspendWorld {
  const id = systemRuntime.id()
  const priced = Object.entries(models).filter(([name]) => !unpriced.includes(name))
  return { id, baseUrl, apiKey: 'overspend', models: Object.fromEntries(priced), limits, folder, clock }
}

interface Told {
  readonly limit: string
  readonly billed: string
  readonly accounted: string
  readonly refused: number
  readonly broken: readonly string[]
  readonly billedOf: (model: string) => string
}

function judge(
  { mostOf = {}, callMost }: OverspendScenario,
  { limit, billed, accounted, refused, broken, billedOf }: Told,
): Pick<OverspendResult, 'verdict' | 'note'> {
  const [most, paid, booked] = [limit, billed, accounted].map(parseDecimal) as [Picos, Picos, Picos]
  if (paid > most) {
    return { verdict: 'overspent', note: `The provider billed ${shown(subtract(paid, most))} too much` }
  }
  for (const [model, own] of Object.entries(mostOf)) {
    const over = subtract(parseDecimal(billedOf(model)), parseDecimal(own))
    if (over > 0n) return { verdict: 'overspent', note: `Of ${model}, ${shown(over)} too much was billed` }
  }
  if (booked < paid) {
    const note = `${shown(subtract(paid, booked))} that was billed is neither booked nor held`
    return { verdict: 'under-reported', note }
  }
  if (broken.length > 0) {
    return { verdict: 'under-reported', note: `Its own books do not add up: ${broken.join('; ')}` }
  }
  const left = subtract(most, booked)
  if (callMost !== undefined && refused > 0 && left >= parseDecimal(callMost)) {
    const note = `A call of at most $${callMost} was refused with ${shown(left)} left`
    return { verdict: 'blocked-falsely', note }
  }
  return {
    verdict: 'held',
    note: `${shown(left)} of $${limit} left, ${shown(subtract(booked, paid))} to spare`,
  }
}

function shown(amount: Picos): string {
  return amount < 0n ? `-$${formatDecimal(subtract(ZERO, amount))}` : `$${formatDecimal(amount)}`
}
