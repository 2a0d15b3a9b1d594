/**
 * The tables of version 1; `groat.` is replaced by the schema's own name. Amounts are picos: BIGINT for one entry,
 * NUMERIC(38,0) for sums and limits. Texts compare by their bytes, whatever the database's language.
 */
export const TABLES: string = `
CREATE TABLE groat.meta (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);

-- The only clock that budgets know, in milliseconds since 1970. Tests replace it; nothing else may.
CREATE FUNCTION groat.clock() RETURNS bigint LANGUAGE sql VOLATILE AS
  'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

CREATE TABLE groat.entry (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  kind text COLLATE "C" NOT NULL,
  call_id text COLLATE "C" NOT NULL,
  attempt_id text COLLATE "C" NOT NULL,
  at bigint NOT NULL CHECK (at >= 0),
  provider text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  requested_model text COLLATE "C" NOT NULL,
  user_id text COLLATE "C",
  project_id text COLLATE "C",
  organization_id text COLLATE "C",
  key_id text COLLATE "C",
  tags text[] COLLATE "C" NOT NULL,
  input_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  input_audio_tokens bigint,
  output_audio_tokens bigint,
  input_image_tokens bigint,
  output_image_tokens bigint,
  usage_raw text,
  cost_status text COLLATE "C" NOT NULL CHECK (cost_status IN ('free', 'exact', 'bounded', 'unknown')),
  cost_picos bigint CHECK ((cost_status = 'unknown') = (cost_picos IS NULL)),
  cost_source text COLLATE "C",
  cost_reason text,
  cost_price_list text,
  cost_reported_picos bigint,
  cost_estimate_picos bigint,
  cost_lines text NOT NULL,
  service_tier text,
  savings_baseline text,
  savings_picos bigint,
  outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('ok', 'error', 'aborted')),
  error text,
  duration_ms double precision NOT NULL
);

-- Entries are read in order of writing, which is nearly that of time: a few kilobytes tell where a month is.
CREATE INDEX entry_at ON groat.entry USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX entry_call ON groat.entry (call_id, seq);
CREATE INDEX entry_attempt ON groat.entry (attempt_id) WHERE attempt_id <> id;
CREATE INDEX entry_user ON groat.entry (user_id, seq) WHERE user_id IS NOT NULL;
CREATE INDEX entry_project ON groat.entry (project_id, seq) WHERE project_id IS NOT NULL;
CREATE INDEX entry_organization ON groat.entry (organization_id, seq) WHERE organization_id IS NOT NULL;
CREATE INDEX entry_key ON groat.entry (key_id, seq) WHERE key_id IS NOT NULL;
CREATE INDEX entry_tags ON groat.entry USING gin (tags) WHERE tags <> '{}';

CREATE FUNCTION groat.never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: write a correcting entry' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER entry_never_changes BEFORE UPDATE OR DELETE ON groat.entry
  FOR EACH ROW EXECUTE FUNCTION groat.never();
CREATE TRIGGER entry_never_goes BEFORE TRUNCATE ON groat.entry
  FOR EACH STATEMENT EXECUTE FUNCTION groat.never();

CREATE TABLE groat.budget (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope text COLLATE "C" NOT NULL,
  scope_id text COLLATE "C" NOT NULL,
  period text COLLATE "C" NOT NULL,
  limit_picos numeric(38, 0) CHECK (limit_picos >= 0),
  time_zone text NOT NULL,
  unpriced text NOT NULL CHECK (unpriced IN ('deny', 'allow')),
  mode text NOT NULL CHECK (mode IN ('enforce', 'observe')),
  thresholds numeric[] NOT NULL,
  on_limit text NOT NULL,
  active boolean NOT NULL,
  UNIQUE (scope, scope_id, period)
);

-- Rows of it change with every call: half of each page stays free for their new versions.
CREATE TABLE groat.budget_window (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  budget_id bigint NOT NULL REFERENCES groat.budget,
  scope_id text COLLATE "C" NOT NULL,
  starts_at bigint NOT NULL,
  ends_at bigint CHECK (ends_at > starts_at),
  limit_picos numeric(38, 0),
  settled_picos numeric(38, 0) NOT NULL DEFAULT 0,
  reserved_picos numeric(38, 0) NOT NULL DEFAULT 0 CHECK (reserved_picos >= 0),
  excess_picos numeric(38, 0) NOT NULL DEFAULT 0 CHECK (excess_picos >= 0),
  -- The highest threshold that was told of.
  fired numeric NOT NULL DEFAULT 0,
  CONSTRAINT never_over_limit CHECK (limit_picos IS NULL OR settled_picos + reserved_picos <= limit_picos + excess_picos),
  UNIQUE (budget_id, scope_id, starts_at)
) WITH (fillfactor = 50);

CREATE TABLE groat.hold (
  id text COLLATE "C" PRIMARY KEY,
  call_id text NOT NULL,
  fingerprint text NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'settled', 'released', 'assumed', 'corrected')),
  amount_picos bigint NOT NULL CHECK (amount_picos >= 0),
  actual_picos bigint,
  windows bigint[] NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  user_id text,
  project_id text,
  organization_id text,
  key_id text,
  tags text[] NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  closed_at bigint
) WITH (fillfactor = 80);
CREATE INDEX hold_open ON groat.hold (expires_at) WHERE state = 'open';
`

/** Version 2: what a settlement told of, as `[window, thresholds, overrun]`, for one that is repeated. */
export const HOLD_TOLD = 'ALTER TABLE groat.hold ADD COLUMN told jsonb;'
