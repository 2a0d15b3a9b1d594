import { UsageError } from './failure.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** A moment, as people write it: `7d` (ago), `24h`, `30m`, `2w`, `2026-11-01` or a date with a time; UTC. */
export function parseTime(text: string, option: string, nowMs: number): number {
  const [, count, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text.trim()) ?? []
  if (count !== undefined) return nowMs - Number(count) * (UNIT_MS[unit] ?? 0)
  const [, day, time = 'T00:00', zone = 'Z'] =
    /^(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(
      text.trim(),
    ) ?? []
  const at = day === undefined ? Number.NaN : Date.parse(`${day}${time.replace(' ', 'T')}${zone}`)
  // JavaScript makes the 2nd of March of the 30th of February.
  if (!Number.isNaN(at) && day !== undefined && isRealDay(day)) return at
  throw new UsageError(
    `${option} ${JSON.stringify(text)} is not a time\n(write 7d, 24h, 30m, 2026-11-01 or 2026-11-01T12:00)`,
  )
}

function isRealDay(day: string): boolean {
  const at = Date.parse(`${day}T00:00Z`)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day)
}
