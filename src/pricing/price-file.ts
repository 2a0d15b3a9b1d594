import { AIError } from '../core/errors.ts'
import { checkData } from './check-rows.ts'
import type { GivenProvider } from './from-providers.ts'
import { joinPrices, type Overlay } from './overlay.ts'
import type { PriceData, PriceSource } from './price-rows.ts'

/** What a file of prices says that it is. */
export const PRICE_FILE_FORMAT = 'groat-prices-1'
/** Largest file of prices that is read, in bytes. */
export const PRICE_FILE_BYTES_MAX = 20_000_000

/** How prices are written to a file. */
export function formatPriceFile(data: PriceData): string {
  return `${JSON.stringify({ format: PRICE_FILE_FORMAT, ...data }, undefined, 1)}\n`
}

/**
 * Reads and checks a file that groat has written.
 *
 * @throws AIError `config_invalid` naming the file, and the row that is at fault
 */
export function parsePriceFile(text: string, file: string): PriceData {
  const value = parseJson(text, file)
  if (!isRecord(value) || value['format'] !== PRICE_FILE_FORMAT) {
    throw unreadable(
      file,
      `it does not say "format": "${PRICE_FILE_FORMAT}"; write it with \`groat prices update\``,
    )
  }
  const { sources, vendors } = value
  if (!Array.isArray(sources) || !isRecord(vendors)) throw unreadable(file, 'it has no sources or no vendors')
  for (const [vendor, rows] of Object.entries(vendors)) {
    if (!Array.isArray(rows) || !rows.every(isRecord))
      throw unreadable(file, `${vendor} is no list of models`)
  }
  const data = { sources, vendors } as unknown as PriceData
  checkData(data)
  return data
}

/**
 * Reads prices from a file of groat's, or from data of `@pydantic/genai-prices`, over which our corrections are put.
 * Corrections of models that the data no longer has are left out.
 *
 * @throws AIError `config_invalid`
 */
export function readGivenPrices(text: string, from: PriceSource, overlay: Overlay): PriceData {
  const value = parseJson(text, from.source)
  if (!Array.isArray(value)) return parsePriceFile(text, from.source)
  if (!value.every((one) => isRecord(one) && typeof one['id'] === 'string' && Array.isArray(one['models']))) {
    throw unreadable(from.source, 'it is no list of providers with models')
  }
  const data = joinPrices(value as readonly GivenProvider[], from, overlay, 'skip')
  checkData(data)
  return data
}

function parseJson(text: string, file: string): unknown {
  if (text.length > PRICE_FILE_BYTES_MAX)
    throw unreadable(file, `it is larger than ${PRICE_FILE_BYTES_MAX} bytes`)
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable(file, 'it is no JSON')
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unreadable(file: string, why: string): AIError {
  return new AIError({
    code: 'config_invalid',
    message: `The prices in ${file} cannot be read: ${why}`,
    details: { file },
  })
}
