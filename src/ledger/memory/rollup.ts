import type { Dimension, LedgerEntry, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { DAY_MS, dayOf, dayText, isAttempt } from '../query.ts'
import { addEntry, addSums, noSums, part, totalOf, type Sums } from '../totals.ts'

const LABELS = ['user', 'project', 'organization', 'key', 'provider', 'model'] as const
type Labels = Readonly<Record<(typeof LABELS)[number], string | undefined>>

/** Sums of all entries with the same labels on the same day. */
interface Cell extends Sums {
  readonly id: number
  /** Number of the day; undefined where older days were folded together. */
  readonly day: number | undefined
  /** Undefined where different labels were folded together. */
  readonly labels: Labels | undefined
  /** The calls that have attempts in this cell and in no other. */
  readonly alone: Span
}

/**
 * How many calls have attempts in exactly these cells. A call that fell back to another model is in two cells and yet
 * one call; counting calls by sets of cells keeps distinct calls exact for every grouping.
 */
interface Span {
  readonly cells: readonly Cell[]
  calls: number
}

/** A call of which at least one entry is kept, so that its next attempt is known to be no new call. */
interface LiveCall {
  /** Undefined as long as it has no attempt, but only costs from elsewhere. */
  span: Span | undefined
  /** Entries that are kept. */
  kept: number
  /** Whether an entry of it is no longer kept. */
  partial: boolean
}

/** Where a cell goes when the rollup is made smaller. */
type Place = Pick<Cell, 'day' | 'labels'>

/** What a query sees of the days: `[from, to)` in numbers of days. */
interface Days {
  readonly from: number
  readonly to: number
}

/** Part of the most cells that is left after folding, so that the next folding is far away. */
const FOLDED_SHARE = 3 / 4

/** Exact running totals in bounded memory: cells by labels and day, folded together when there are too many. */
export class Rollup {
  readonly #cellsMax: number
  #cells = new Map<string, Cell>()
  /** Spans of more than one cell, by the ids of the cells. */
  #spans = new Map<string, Span>()
  readonly #calls = new Map<string, LiveCall>()
  #nextId = 0
  #last: Cell | undefined
  #earliest = Infinity
  #latest = -Infinity
  /** The days that lost their detail, both included. */
  #foldedFrom = Infinity
  #foldedTo = -Infinity

  constructor(cellsMax: number) {
    this.#cellsMax = cellsMax
  }

  /** Adds an entry to the totals. */
  add(entry: LedgerEntry): void {
    const { at } = entry
    const cell = this.#cellOf(entry)
    addEntry(cell, entry)
    if (at < this.#earliest) this.#earliest = at
    if (at > this.#latest) this.#latest = at
    this.#countCall(entry, cell)
    if (this.#cells.size + this.#spans.size > this.#cellsMax) this.#shrink()
  }

  /** Says that an entry is no longer kept; its sums stay. */
  forget(entry: LedgerEntry): void {
    const call = this.#calls.get(entry.callId)
    if (call === undefined) return
    call.kept--
    call.partial = true
    if (call.kept === 0) this.#calls.delete(entry.callId)
  }

  /** Whether every entry of a call is still kept. */
  isWhole(callId: string): boolean {
    return this.#calls.get(callId)?.partial === false
  }

  /** Totals from the cells, or undefined where the cells do not have the detail that is asked for. */
  totals(by: readonly Dimension[], filter: LedgerFilter): LedgerTotal[] | undefined {
    if (filter.callId !== undefined || filter.tag !== undefined) return undefined
    if (by.includes('tag') || by.includes('hour')) return undefined
    const days = this.#daysOf(filter)
    if (days === undefined) return undefined
    const wanted = LABELS.filter((label) => filter[label] !== undefined)
    const byDay = by.includes('day') || by.includes('month')
    const needsLabels = wanted.length > 0 || by.some((name) => name !== 'day' && name !== 'month')
    const groups = new Map<string, Group>()
    const groupOf = new Map<Cell, Group>()
    for (const cell of this.#cells.values()) {
      if (!this.#isWithin(cell, days)) continue
      if (cell.day === undefined && byDay) return undefined
      if (cell.labels === undefined && needsLabels) return undefined
      if (wanted.some((label) => cell.labels?.[label] !== filter[label])) continue
      const group = groupFor(groups, cell, by)
      groupOf.set(cell, group)
      addSums(group, cell)
      group.calls += cell.alone.calls
    }
    for (const span of this.#spans.values()) {
      const seen = new Set(span.cells.map((cell) => groupOf.get(cell)))
      for (const group of seen) if (group !== undefined) group.calls += span.calls
    }
    return [...groups.values()].map((sum) => totalOf(sum.group, sum.calls, sum))
  }

  #cellOf(entry: LedgerEntry): Cell {
    const day = dayOf(entry.at)
    const last = this.#last
    // Calls come in runs of the same labels; six comparisons are cheaper than a key.
    if (last?.day === day && last.labels !== undefined && sameLabels(last.labels, entry)) return last
    const key = keyOf({ day, labels: entry })
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      const { user, project, organization, key: keyId, provider, model } = entry
      cell = this.#newCell({ day, labels: { user, project, organization, key: keyId, provider, model } })
      this.#cells.set(key, cell)
    }
    this.#last = cell
    return cell
  }

  #newCell({ day, labels }: Place): Cell {
    const cells: Cell[] = []
    const cell: Cell = { id: this.#nextId++, day, labels, alone: { cells, calls: 0 }, ...noSums() }
    cells.push(cell)
    return cell
  }

  #countCall(entry: LedgerEntry, cell: Cell): void {
    let call = this.#calls.get(entry.callId)
    if (call === undefined) {
      call = { span: undefined, kept: 0, partial: false }
      this.#calls.set(entry.callId, call)
    }
    call.kept++
    const { span } = call
    if (!isAttempt(entry) || span?.cells.includes(cell) === true) return
    if (span === undefined) {
      call.span = cell.alone
    } else {
      span.calls--
      if (span.calls === 0 && span.cells.length > 1) this.#spans.delete(spanKey(span.cells))
      call.span = spanFor(this.#spans, [...span.cells, cell])
    }
    call.span.calls++
  }

  /** The days of a filter that begins and ends at midnight UTC, or where there is nothing; else undefined. */
  #daysOf({ from, to }: LedgerFilter): Days | undefined {
    const first = from === undefined || from <= this.#earliest ? -Infinity : from / DAY_MS
    const end = to === undefined || to > this.#latest ? Infinity : to / DAY_MS
    if (Number.isFinite(first) && !Number.isInteger(first)) return undefined
    if (Number.isFinite(end) && !Number.isInteger(end)) return undefined
    const days = { from: first, to: end }
    if (this.#foldedFrom > this.#foldedTo) return days
    const outside = end <= this.#foldedFrom || first > this.#foldedTo
    const around = first <= this.#foldedFrom && end > this.#foldedTo
    return outside || around ? days : undefined
  }

  #isWithin({ day }: Cell, days: Days): boolean {
    const at = day ?? this.#foldedFrom
    return at >= days.from && at < days.to
  }

  /** Folds cells together: first the older days, then their labels, and at last the labels of the newest day too. */
  #shrink(): void {
    const aim = this.#cellsMax * FOLDED_SHARE
    let newest = -Infinity
    for (const { day } of this.#cells.values()) if (day !== undefined && day > newest) newest = day
    const dayless = ({ labels }: Cell): Place => ({ day: undefined, labels })
    const rest = (): Place => ({ day: undefined, labels: undefined })
    this.#fold((cell) => (cell.day === newest ? cell : dayless(cell)))
    if (this.#cells.size + this.#spans.size > aim) {
      this.#fold((cell) => (cell.day === newest ? cell : rest()))
    }
    if (this.#cells.size + this.#spans.size > aim) this.#fold(rest)
  }

  #fold(placeOf: (cell: Cell) => Place): void {
    const cells = new Map<string, Cell>()
    const moved = new Map<Cell, Cell>()
    for (const old of this.#cells.values()) {
      const place = placeOf(old)
      const key = keyOf(place)
      let cell = cells.get(key)
      if (cell === undefined) {
        cell = this.#newCell(place)
        cells.set(key, cell)
      }
      addSums(cell, old)
      moved.set(old, cell)
      if (old.day === undefined || place.day !== undefined) continue
      this.#foldedFrom = Math.min(this.#foldedFrom, old.day)
      this.#foldedTo = Math.max(this.#foldedTo, old.day)
    }
    const spans = new Map<string, Span>()
    const movedSpans = new Map<Span, Span>()
    const olds = [...this.#cells.values()].map((cell) => cell.alone)
    for (const old of [...olds, ...this.#spans.values()]) {
      const span = spanFor(spans, [...new Set(old.cells.map((cell) => moved.get(cell) ?? cell))])
      span.calls += old.calls
      movedSpans.set(old, span)
    }
    for (const call of this.#calls.values()) {
      if (call.span !== undefined) call.span = movedSpans.get(call.span) ?? call.span
    }
    this.#cells = cells
    this.#spans = spans
    this.#last = undefined
  }
}

interface Group extends Sums {
  readonly group: LedgerTotal['group']
  calls: number
}

function groupFor(groups: Map<string, Group>, cell: Cell, by: readonly Dimension[]): Group {
  const values = by.map((name) => valueOf(cell, name))
  const key = values.map(part).join('')
  let found = groups.get(key)
  if (found === undefined) {
    const group = Object.fromEntries(by.map((name, index) => [name, values[index]]))
    found = { group, calls: 0, ...noSums() }
    groups.set(key, found)
  }
  return found
}

function valueOf({ day = 0, labels }: Cell, name: Dimension): string | undefined {
  if (name === 'day') return dayText(day)
  if (name === 'month') return dayText(day).slice(0, 7)
  // Cells know neither tags nor hours, and were not asked for them.
  return name === 'tag' || name === 'hour' ? undefined : labels?.[name]
}

function spanFor(spans: Map<string, Span>, cells: readonly Cell[]): Span {
  const [first] = cells
  if (first !== undefined && cells.length === 1) return first.alone
  const key = spanKey(cells)
  let span = spans.get(key)
  if (span === undefined) {
    span = { cells, calls: 0 }
    spans.set(key, span)
  }
  return span
}

function spanKey(cells: readonly Cell[]): string {
  const ids = cells.map((cell) => cell.id)
  return ids.toSorted((a, b) => a - b).join()
}

function sameLabels(a: Labels, b: Labels): boolean {
  return (
    a.user === b.user &&
    a.model === b.model &&
    a.provider === b.provider &&
    a.project === b.project &&
    a.organization === b.organization &&
    a.key === b.key
  )
}

function keyOf({ day, labels }: Place): string {
  if (labels === undefined) return `${day}`
  const { user, project, organization, key, provider, model } = labels
  return `${day}|${part(user)}${part(project)}${part(organization)}${part(key)}${part(provider)}${part(model)}`
}
