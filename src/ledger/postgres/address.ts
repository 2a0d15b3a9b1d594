import { AIError } from '../../core/errors.ts'

/** Schema of the database that holds the ledger where none is named. */
export const SCHEMA_DEFAULT = 'groat'
/** Longest name that PostgreSQL does not cut, in bytes. */
const NAME_BYTES_MAX = 63
/** What needs no quotes, so that people can type it into psql as it is. */
const SCHEMA_NAME = /^[a-z_][a-z0-9_]*$/
const PORT_DEFAULT = '5432'

/** Where a ledger is: what may be told of it, and apart from that what may not. */
export interface Address {
  /** The URL as `pg` takes it, with the password: never in a message. */
  readonly url: string
  readonly schema: string
  /** Host, port and database, for messages. */
  readonly place: string
}

/**
 * Reads `postgres://user:password@host:port/database?schema=groat`.
 *
 * @throws AIError `config_invalid`, which repeats nothing of the URL
 */
export function readAddress(text: string, schemaOption?: string): Address {
  const url = parse(text)
  if (url === undefined) {
    throw invalid(
      "is named as 'postgres://USER:PASSWORD@HOST:5432/DATABASE'; write the special signs of a password as %40",
    )
  }
  const schema = schemaOption ?? url.searchParams.get('schema') ?? SCHEMA_DEFAULT
  checkSchema(schema)
  url.searchParams.delete('schema')
  const host = url.searchParams.get('host') ?? decode(url.hostname)
  const port = url.searchParams.get('port') ?? (url.port === '' ? PORT_DEFAULT : url.port)
  const database = url.pathname.slice(1)
  const where = host === '' ? 'the default host' : `${host}:${port}`
  const place = database === '' ? where : `${where}/${decode(database)}`
  return { url: url.href, schema, place }
}

function parse(text: string): URL | undefined {
  if (typeof text !== 'string' || !/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return undefined
  return new URL(text)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function checkSchema(schema: unknown): void {
  if (
    typeof schema === 'string' &&
    schema.length <= NAME_BYTES_MAX &&
    SCHEMA_NAME.test(schema) &&
    !schema.startsWith('pg_') &&
    schema !== 'public' &&
    schema !== 'information_schema'
  )
    return
  throw invalid(
    `needs a schema of its own: up to ${NAME_BYTES_MAX} lower-case letters, digits and underscores, such as 'groat'`,
  )
}

function invalid(says: string): AIError {
  return new AIError({ code: 'config_invalid', message: `A PostgreSQL ledger ${says}.` })
}
