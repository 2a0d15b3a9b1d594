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

/**
 * Entries of several kinds share an attempt, so that `id` is the key in place of `attempt_id`: the table is made anew.
 * The id of an attempt's own entry is the attempt's, from here on and for the old ones.
 */
const V2_ENTRY = `
CREATE TABLE entry_2 (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('attempt', 'assumption', 'correction', 'external')),
  call_id TEXT NOT NULL,
  attempt_id TEXT NOT NULL,
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
  service_tier TEXT,
  savings_baseline TEXT,
  savings_picos INTEGER CHECK ((savings_baseline IS NULL) = (savings_picos IS NULL)),
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'error', 'aborted')),
  error TEXT,
  duration_ms REAL NOT NULL
) STRICT;

INSERT INTO entry_2
SELECT seq, attempt_id, 'attempt', call_id, attempt_id, at, provider, model, requested_model, user, project,
  organization, key, tags, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  input_audio_tokens, output_audio_tokens, input_image_tokens, output_image_tokens, usage_raw, cost_status, cost_picos,
  cost_source, cost_reason, cost_price_list, cost_reported_picos, cost_estimate_picos, cost_lines, NULL, NULL, NULL,
  outcome, error, duration_ms
FROM entry ORDER BY seq;

DROP TABLE entry;
ALTER TABLE entry_2 RENAME TO entry;

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

/** The counters' checks hold whatever the program does: what they refuse, no bug can write. */
const V2_BUDGETS = `
CREATE TABLE budget (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  scope_id TEXT NOT NULL,
  period TEXT NOT NULL,
  limit_picos INTEGER CHECK (limit_picos >= 0),
  time_zone TEXT NOT NULL,
  unpriced TEXT NOT NULL CHECK (unpriced IN ('deny', 'allow')),
  mode TEXT NOT NULL CHECK (mode IN ('enforce', 'observe')),
  thresholds TEXT NOT NULL,
  on_limit TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  UNIQUE (scope, scope_id, period)
) STRICT;

CREATE TABLE budget_window (
  id INTEGER PRIMARY KEY,
  budget_id INTEGER NOT NULL REFERENCES budget (id),
  counted_id TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER CHECK (ends_at > starts_at),
  limit_picos INTEGER CHECK (limit_picos >= 0),
  settled_picos INTEGER NOT NULL CHECK (settled_picos >= 0),
  reserved_picos INTEGER NOT NULL CHECK (reserved_picos >= 0),
  excess_picos INTEGER NOT NULL CHECK (excess_picos >= 0),
  fired INTEGER NOT NULL CHECK (fired BETWEEN 0 AND 1000000),
  CHECK (limit_picos IS NULL OR settled_picos + reserved_picos <= limit_picos + excess_picos),
  UNIQUE (budget_id, counted_id, starts_at)
) STRICT;

CREATE TABLE hold (
  id TEXT NOT NULL PRIMARY KEY,
  call_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'released', 'assumed', 'corrected')),
  amount_picos INTEGER NOT NULL CHECK (amount_picos >= 0),
  actual_picos INTEGER CHECK ((state = 'open') = (actual_picos IS NULL) AND actual_picos >= 0),
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  attribution TEXT NOT NULL,
  windows TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  closed_at INTEGER CHECK ((state = 'open') = (closed_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX hold_open ON hold (expires_at) WHERE state = 'open';
`

/** Sums of entries by hour and labels, which can be made again from the entries at any time. */
const V2_ROLLUP = `
CREATE TABLE rollup_cell (
  id INTEGER PRIMARY KEY,
  hour INTEGER NOT NULL,
  labels TEXT NOT NULL,
  user TEXT,
  project TEXT,
  organization TEXT,
  key TEXT,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  calls INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  free INTEGER NOT NULL,
  bounded INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  input_high INTEGER NOT NULL,
  input_low INTEGER NOT NULL,
  output_high INTEGER NOT NULL,
  output_low INTEGER NOT NULL,
  cost_high INTEGER NOT NULL,
  cost_low INTEGER NOT NULL,
  savings_high INTEGER NOT NULL,
  savings_low INTEGER NOT NULL,
  UNIQUE (hour, labels)
) STRICT;

CREATE TABLE rollup_call (
  call_id TEXT NOT NULL,
  cell_id INTEGER NOT NULL REFERENCES rollup_cell (id),
  PRIMARY KEY (call_id, cell_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollup_call_cell ON rollup_call (cell_id);
`

/** What a settlement told of, for one that is repeated since its acknowledgement was lost. */
const V3 = 'ALTER TABLE hold ADD COLUMN told TEXT;'

/** All steps, in order; the last one's version is the newest that this groat knows. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: V1 },
  { version: 2, sql: `${V2_ENTRY}${V2_BUDGETS}${V2_ROLLUP}` },
  { version: 3, sql: V3 },
]
