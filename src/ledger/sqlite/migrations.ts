/** One step forward of the schema. Steps are never changed or removed once released. */
export interface Migration {
  readonly version: number
  readonly sql: string
}

/**
 * Marks a file as groat's ("groa" in ASCII): a database of another program is never written to.
 */
export const APPLICATION_ID = 0x67726f61

/** Indices that hold only rows with a value stay small for people who use one scope of four. */
const V1 = `
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  call_id TEXT NOT NULL,
  attempt_id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL CHECK (at >= 0),
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  requested_model TEXT NOT NULL,
  user TEXT,
  project TEXT,
  organization TEXT,
  key TEXT,
  tags TEXT NOT NULL,
  input_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  output_tokens INTEGER,
  reasoning_tokens INTEGER,
  input_audio_tokens INTEGER,
  output_audio_tokens INTEGER,
  input_image_tokens INTEGER,
  output_image_tokens INTEGER,
  usage_raw TEXT,
  cost_status TEXT NOT NULL CHECK (cost_status IN ('free', 'exact', 'bounded', 'unknown')),
  cost_picos INTEGER CHECK ((cost_status = 'unknown') = (cost_picos IS NULL)),
  cost_source TEXT,
  cost_reason TEXT,
  cost_price_list TEXT,
  cost_reported_picos INTEGER,
  cost_estimate_picos INTEGER,
  cost_lines TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'error', 'aborted')),
  error TEXT,
  duration_ms REAL NOT NULL
) STRICT;

CREATE INDEX entry_at ON entry (at);
CREATE INDEX entry_call ON entry (call_id);
CREATE INDEX entry_user_at ON entry (user, at) WHERE user IS NOT NULL;
CREATE INDEX entry_project_at ON entry (project, at) WHERE project IS NOT NULL;
CREATE INDEX entry_organization_at ON entry (organization, at) WHERE organization IS NOT NULL;
CREATE INDEX entry_key_at ON entry (key, at) WHERE key IS NOT NULL;

CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: write a correcting entry'); END;

CREATE TRIGGER entry_never_goes BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: write a correcting entry'); END;
`

/** All steps, in order; the last one's version is the newest that this groat knows. */
export const MIGRATIONS: readonly Migration[] = [{ version: 1, sql: V1 }]
