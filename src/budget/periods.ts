import type { BudgetPeriod } from '../core/budget.ts'

/** A stretch of time in which a limit counts, in milliseconds since the Unix epoch. */
export interface Period {
  readonly startsAt: number
  /** The first moment after it; null where it never ends. */
  readonly endsAt: number | null
}

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** 1970-01-01 was a Thursday: three days after a Monday. */
const EPOCH_WEEKDAY = 3

/** Most time zones whose calendar is kept ready: one takes some 20 kB. */
export const ZONES_MAX = 64

const ALL_TIME: Period = Object.freeze({ startsAt: 0, endsAt: null })

/** Clocks by zone, and the last period that was asked for of each kind. */
interface Zone {
  readonly clock: Intl.DateTimeFormat
  readonly last: Map<BudgetPeriod, Period>
}

const zones = new Map<string, Zone>()

/**
 * The calendar period of a zone that a moment falls into. Days are those of the calendar, also where they have 23 or 25
 * hours; weeks begin on Monday; hours follow the zone's offset, and an hour that a clock shows twice is two. Periods
 * follow each other without a gap, so that each moment is in one.
 *
 * @throws RangeError for a time zone that is none
 */
export function windowAt(period: BudgetPeriod, timeZone: string, nowMs: number): Period {
  if (period === 'total' || period === 'call') return ALL_TIME
  const zone = zoneOf(timeZone)
  const last = zone.last.get(period)
  if (last !== undefined && contains(last, nowMs)) return last
  const found = Object.freeze(period === 'hour' ? hourAt(zone, nowMs) : datesAt(zone, period, nowMs))
  zone.last.set(period, found)
  return found
}

/** Whether a moment falls into a period. */
export function contains({ startsAt, endsAt }: Period, nowMs: number): boolean {
  return startsAt <= nowMs && (endsAt === null || nowMs < endsAt)
}

/** Whether a text names a time zone that this runtime knows. Offsets such as `+05:30` are none: they have no calendar. */
export function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }) instanceof Intl.DateTimeFormat
  } catch {
    return false
  }
}

function zoneOf(timeZone: string): Zone {
  let zone = zones.get(timeZone)
  if (zone !== undefined) return zone
  const two = '2-digit'
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: two,
    day: two,
    hour: two,
    minute: two,
    second: two,
  })
  if (zones.size >= ZONES_MAX) zones.clear()
  zone = { clock, last: new Map() }
  zones.set(timeZone, zone)
  return zone
}

/** What clocks in the zone show at a moment, as if it were UTC. */
function wallAt(zone: Zone, ms: number): number {
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {}
  for (const { type, value } of zone.clock.formatToParts(ms)) part[type] = value
  const year = (part.year ?? '').padStart(4, '0')
  const text = `${year}-${part.month}-${part.day}T${part.hour}:${part.minute}:${part.second}Z`
  return Date.parse(text) + modulo(ms, SECOND_MS)
}

function offsetAt(zone: Zone, ms: number): number {
  return wallAt(zone, ms) - ms
}

function hourAt(zone: Zone, nowMs: number): Period {
  const offset = offsetAt(zone, nowMs)
  const startsAt = nowMs - modulo(nowMs + offset, HOUR_MS)
  const endsAt = startsAt + HOUR_MS
  // Some zones move their clocks in the middle of an hour: what comes before and after it are two.
  const begins = offsetAt(zone, startsAt) === offset ? startsAt : changeBetween(zone, startsAt, nowMs)
  const ends = offsetAt(zone, endsAt - 1) === offset ? endsAt : changeBetween(zone, nowMs, endsAt - 1)
  return { startsAt: begins, endsAt: ends }
}

function datesAt(zone: Zone, period: BudgetPeriod, nowMs: number): Period {
  const today = dayOf(wallAt(zone, nowMs))
  for (let first = firstDay(period, today); ; first = nextFirstDay(period, first)) {
    const endsAt = momentOf(zone, nextFirstDay(period, first) * DAY_MS)
    // A clock that was put back over midnight shows the old date again, after the new one has begun.
    if (nowMs < endsAt) return { startsAt: momentOf(zone, first * DAY_MS), endsAt }
  }
}

/** The number of the day with which the period of a day begins. */
function firstDay(period: BudgetPeriod, day: number): number {
  if (period === 'day') return day
  if (period === 'week') return day - modulo(day + EPOCH_WEEKDAY, 7)
  const date = new Date(day * DAY_MS)
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1))
}

function nextFirstDay(period: BudgetPeriod, first: number): number {
  if (period === 'day') return first + 1
  if (period === 'week') return first + 7
  const date = new Date(first * DAY_MS)
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1))
}

/** The first moment at which clocks show this or later. */
function momentOf(zone: Zone, wall: number): number {
  const before = offsetAt(zone, wall - DAY_MS)
  const after = offsetAt(zone, wall + DAY_MS)
  // The larger offset is the earlier moment: of two equal midnights the first.
  const moments = before > after ? [wall - before, wall - after] : [wall - after, wall - before]
  for (const moment of moments) if (wallAt(zone, moment) === wall) return moment
  // Clocks were put forward over it: it begins when they were.
  return changeBetween(zone, wall - after, wall - before)
}

/** The first moment after one and up to another at which the zone's offset is that of the other. */
function changeBetween(zone: Zone, fromMs: number, toMs: number): number {
  const offset = offsetAt(zone, toMs)
  let [before, after] = [fromMs, toMs]
  while (after - before > 1) {
    const middle = before + (after - before - modulo(after - before, 2)) / 2
    if (offsetAt(zone, middle) === offset) after = middle
    else before = middle
  }
  return after
}

function dayOf(wall: number): number {
  return (wall - modulo(wall, DAY_MS)) / DAY_MS
}

/** The rest of a division, never below zero. */
function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
