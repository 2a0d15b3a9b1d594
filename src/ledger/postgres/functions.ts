import { COLUMNS } from './rows.ts'

/**
 * The functions. `groat.work` does a whole batch in one round trip and one transaction: it locks all
 * windows that the batch concerns, one by one in rising order of id, works in memory, and writes each window once.
 */
const budgetsOf = (scope: string, id: string): string => `
  SELECT DISTINCT ON (period) * FROM groat.budget
  WHERE active AND scope = ${scope} AND scope_id IN (${id}, '*')
  ORDER BY period, scope_id = '*'`

const windowAt = (budget: string, id: string, t: string): string => `
  SELECT id FROM groat.budget_window
  WHERE budget_id = ${budget} AND scope_id = ${id} AND (ends_at IS NULL OR ends_at > ${t})
  ORDER BY starts_at DESC LIMIT 1`

export const PERIODS: string = `
-- What clocks in a zone show at a moment, as if it were UTC; all times are milliseconds since 1970.
CREATE FUNCTION groat.wall_at(zone text, ms bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT (extract(epoch FROM to_timestamp(ms / 1000.0) AT TIME ZONE zone) * 1000)::bigint
$$;

-- The first moment after one and up to another at which the zone's offset is that of the other.
CREATE FUNCTION groat.change_between(zone text, after_ms bigint, to_ms bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  zone_offset bigint := groat.wall_at(zone, to_ms) - to_ms;
  middle bigint;
BEGIN
  WHILE to_ms - after_ms > 1 LOOP
    middle := (after_ms + to_ms) / 2;
    IF groat.wall_at(zone, middle) - middle = zone_offset THEN to_ms := middle; ELSE after_ms := middle; END IF;
  END LOOP;
  RETURN to_ms;
END $$;

-- The first moment at which clocks show this or later: of two equal midnights the first, and where clocks were put
-- forward over it, the moment when they were.
CREATE FUNCTION groat.moment_of(zone text, wall bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  day CONSTANT bigint := 86400000;
  before bigint := groat.wall_at(zone, wall - day) - (wall - day);
  later bigint := groat.wall_at(zone, wall + day) - (wall + day);
BEGIN
  IF groat.wall_at(zone, wall - greatest(before, later)) = wall THEN RETURN wall - greatest(before, later); END IF;
  IF groat.wall_at(zone, wall - least(before, later)) = wall THEN RETURN wall - least(before, later); END IF;
  RETURN groat.change_between(zone, wall - later, wall - before);
END $$;

-- The calendar period that a moment falls into. Of hours that a clock shows twice, each is a window of its own.
CREATE FUNCTION groat.period_at(period text, zone text, t bigint, OUT starts_at bigint, OUT ends_at bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  hour CONSTANT bigint := 3600000;
  wall bigint;
  first timestamp;
BEGIN
  IF period = 'total' THEN starts_at := 0; RETURN; END IF;
  wall := groat.wall_at(zone, t);
  IF period = 'hour' THEN
    starts_at := t - mod(mod(wall, hour) + hour, hour);
    ends_at := starts_at + hour;
    IF groat.wall_at(zone, ends_at - 1) - (ends_at - 1) <> wall - t THEN
      ends_at := groat.change_between(zone, t, ends_at - 1);
    END IF;
    IF groat.wall_at(zone, starts_at) - starts_at <> wall - t THEN
      starts_at := groat.change_between(zone, starts_at, t);
    END IF;
    RETURN;
  END IF;
  first := date_trunc(period, to_timestamp(wall / 1000.0) AT TIME ZONE 'UTC');
  LOOP
    starts_at := groat.moment_of(zone, (extract(epoch FROM first) * 1000)::bigint);
    first := first + ('1 ' || period)::interval;
    ends_at := groat.moment_of(zone, (extract(epoch FROM first) * 1000)::bigint);
    -- A clock that was put back over midnight shows the old date again, after the new one has begun.
    EXIT WHEN t < ends_at;
  END LOOP;
END $$;

-- The budgets that concern one id: its own, or else that of '*', for each period.
CREATE FUNCTION groat.budgets_of(asked_scope text, asked_id text) RETURNS SETOF groat.budget LANGUAGE sql STABLE AS $$
  ${budgetsOf('asked_scope', 'asked_id')}
$$;

-- The newest window, where it is not over: a clock that is set back reopens no old one.
CREATE FUNCTION groat.window_at(asked_budget bigint, asked_id text, t bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  ${windowAt('asked_budget', 'asked_id', 't')}
$$;
`

/** The columns of an entry that are written, in order. */
const WRITTEN = COLUMNS.join(', ')

/** What reserves ask for, in order: `p_` arrays; a window of null is a limit per call. */
const PLAN = `
  SELECT coalesce(array_agg(p.n ORDER BY p.n, p.rank, p.period_rank), '{}'),
         coalesce(array_agg(p.budget_id ORDER BY p.n, p.rank, p.period_rank), '{}'),
         coalesce(array_agg(p.scope_id ORDER BY p.n, p.rank, p.period_rank), '{}'),
         coalesce(array_agg(p.window_id ORDER BY p.n, p.rank, p.period_rank), '{}'),
         coalesce(array_agg(p.per_call ORDER BY p.n, p.rank, p.period_rank), '{}')
  INTO p_n, p_budget, p_scope_id, p_window, p_call
  FROM (
    SELECT o.n, a.rank, a.id AS scope_id, b.id AS budget_id, b.period = 'call' AS per_call,
           array_position(ARRAY['call', 'hour', 'day', 'week', 'month', 'total'], b.period) AS period_rank,
           w.id AS window_id
    FROM jsonb_to_recordset(ops) AS o(n int, kind text, user_id text, project_id text, organization_id text, key_id text)
    CROSS JOIN LATERAL (VALUES (1, 'user', o.user_id), (2, 'project', o.project_id),
      (3, 'organization', o.organization_id), (4, 'key', o.key_id)) AS a(rank, scope, id)
    CROSS JOIN LATERAL (${budgetsOf('a.scope', 'a.id')}) AS b
    LEFT JOIN LATERAL (${windowAt('b.id', 'a.id', 't')}) AS w ON b.period <> 'call'
    WHERE o.kind = 'reserve' AND a.id IS NOT NULL
  ) AS p;
`

/** How a window stands, in an answer: `[number in answer.windows, settled, reserved, excess]`. */
const STANDING = `jsonb_build_array(i, w_settled[i]::text, w_reserved[i]::text, w_excess[i]::text)`

export const WORK: string = `
-- The entry of an attempt of which nobody heard again: all that was held for it.
CREATE OR REPLACE FUNCTION groat.assumption_of(h groat.hold, t bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', h.id || '/assumed', 'kind', 'assumption', 'call_id', h.call_id, 'attempt_id', h.id,
    'at', t, 'provider', h.provider, 'model', h.model, 'requested_model', h.model, 'user_id', h.user_id,
    'project_id', h.project_id, 'organization_id', h.organization_id, 'key_id', h.key_id, 'tags', to_jsonb(h.tags),
    'cost_status', 'bounded', 'cost_picos', h.amount_picos::text, 'cost_lines', '[]', 'outcome', 'error',
    'cost_reason', 'nobody heard how the attempt ended while its hold was open', 'duration_ms', t - h.created_at)
$$;

CREATE OR REPLACE FUNCTION groat.work(ops jsonb, assume_max int) RETURNS jsonb LANGUAGE plpgsql
-- Plans are kept, and the first ones are made while the tables are empty: everything here is found by an index.
SET jit = off SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $work$
DECLARE
  t bigint := groat.clock();
  ids text[];
  expired text[] := '{}';
  opened bigint[] := '{}';
  p_n int[] := '{}'; p_budget bigint[] := '{}'; p_scope_id text[] := '{}'; p_window bigint[] := '{}'; p_call boolean[] := '{}';
  p_at int := 1; p_from int;
  w_id bigint[] := '{}'; w_budget bigint[] := '{}'; w_limit numeric[] := '{}'; w_settled numeric[] := '{}';
  w_reserved numeric[] := '{}'; w_excess numeric[] := '{}'; w_fired numeric[] := '{}'; w_dirty boolean[] := '{}';
  -- What has to be settled for the next threshold.
  w_next numeric[];
  b_id bigint[] := '{}'; b_limit numeric[] := '{}'; b_enforce boolean[] := '{}';
  -- Holds to be written: where they are in ops, and their part of the plan. Holds to be closed.
  h_at int[] := '{}'; h_from int[] := '{}'; h_to int[] := '{}';
  c_id text[] := '{}'; c_state text[] := '{}'; c_actual numeric[] := '{}'; c_told jsonb[] := '{}';
  op record; one record;
  i int; k int; b int;
  lim numeric; used numeric; less numeric; more numeric; beyond numeric; c numeric; x numeric; w_reached numeric; w_after numeric;
  refused int; next_state text; seen jsonb; over jsonb; told jsonb;
  answers jsonb[] := '{}'; answer jsonb; entries jsonb[] := '{}';
BEGIN
  ids := ARRAY(SELECT o->>'id' FROM jsonb_array_elements(ops) AS o WHERE o ? 'id');
  IF assume_max > 0 THEN
    expired := ARRAY(SELECT id FROM groat.hold WHERE state = 'open' AND expires_at <= t AND id <> ALL (ids)
      ORDER BY expires_at, id COLLATE "C" LIMIT assume_max);
  END IF;

  IF ops @> '[{"kind": "reserve"}]' THEN
  ${PLAN}
  END IF;
  IF EXISTS (SELECT FROM unnest(p_window, p_call) AS p(id, per_call) WHERE p.id IS NULL AND NOT p.per_call) THEN
    -- In one order everywhere, since another process may be making the same ones.
    WITH made AS (
    INSERT INTO groat.budget_window (budget_id, scope_id, starts_at, ends_at, limit_picos)
    SELECT n.budget_id, n.scope_id, greatest(s.starts_at, last.ends_at), s.ends_at, b.limit_picos
    FROM (SELECT DISTINCT p.budget_id, p.scope_id FROM unnest(p_budget, p_scope_id, p_window, p_call)
      AS p(budget_id, scope_id, id, per_call) WHERE p.id IS NULL AND NOT p.per_call) AS n
    JOIN groat.budget AS b ON b.id = n.budget_id
    CROSS JOIN LATERAL groat.period_at(b.period, b.time_zone, t) AS s
    LEFT JOIN LATERAL (SELECT max(w.ends_at) AS ends_at FROM groat.budget_window AS w
      WHERE w.budget_id = n.budget_id AND w.scope_id = n.scope_id) AS last ON true
    ORDER BY n.budget_id, n.scope_id
    ON CONFLICT DO NOTHING RETURNING id
    )
    SELECT coalesce(array_agg(made.id), '{}') INTO opened FROM made;
    ${PLAN}
  END IF;

  -- All locks, in rising order. What is read here is the newest version of each row.
  FOR one IN
    SELECT w.* FROM groat.budget_window AS w
    WHERE w.id = ANY (p_window)
      OR w.id = ANY (ARRAY(SELECT unnest(h.windows) FROM groat.hold AS h WHERE h.id = ANY (ids || expired)))
    ORDER BY w.id FOR UPDATE
  LOOP
    w_id := w_id || one.id; w_budget := w_budget || one.budget_id; w_limit := w_limit || one.limit_picos;
    w_settled := w_settled || one.settled_picos; w_reserved := w_reserved || one.reserved_picos;
    w_excess := w_excess || one.excess_picos; w_fired := w_fired || one.fired; w_dirty := w_dirty || false;
  END LOOP;
  PERFORM FROM groat.hold AS h WHERE h.id = ANY (ids || expired) ORDER BY h.id FOR UPDATE;

  -- After the locks: a limit that was set while we waited counts.
  FOR one IN SELECT * FROM groat.budget AS g WHERE g.id = ANY (w_budget || p_budget) LOOP
    b_id := b_id || one.id; b_limit := b_limit || one.limit_picos; b_enforce := b_enforce || (one.mode = 'enforce');
  END LOOP;
  FOREACH i IN ARRAY array_remove(ARRAY(SELECT array_position(w_id, p) FROM (SELECT DISTINCT unnest(p_window)) AS d(p)), NULL) LOOP
    lim := b_limit[array_position(b_id, w_budget[i])];
    IF w_limit[i] IS DISTINCT FROM lim THEN
      w_limit[i] := lim; w_dirty[i] := true;
      w_excess[i] := greatest(w_excess[i], w_settled[i] + w_reserved[i] - lim);
    END IF;
  END LOOP;

  w_next := ARRAY(SELECT (SELECT min(th) * nullif(u.lim, 0) FROM unnest(g.thresholds) AS th WHERE th > u.fired)
    FROM unnest(w_budget, w_limit, w_fired) WITH ORDINALITY AS u(budget, lim, fired, ord)
    JOIN groat.budget AS g ON g.id = u.budget ORDER BY u.ord);

  ops := coalesce((SELECT jsonb_agg(jsonb_build_object('n', e.ord - 1000000, 'kind', 'expire', 'id', e.id) ORDER BY e.ord)
    FROM unnest(expired) WITH ORDINALITY AS e(id, ord)), '[]') || ops;
  FOR op IN
    SELECT o.*, h AS hold, h.state, h.amount_picos AS held, e.id IS NOT NULL AS is_entered, e.cost_picos AS entered
    FROM jsonb_to_recordset(ops) AS o(n int, kind text, id text, fingerprint text, amount numeric, call_spent numeric,
      enforce boolean, entry jsonb)
    LEFT JOIN groat.hold AS h ON h.id = o.id
    LEFT JOIN groat.entry AS e ON o.kind = 'settle' AND e.id = o.entry->>'id'
    ORDER BY o.n
  LOOP
    answer := '{}'; next_state := NULL; seen := '[]'; told := NULL;
    IF op.kind = 'append' THEN
      entries := entries || op.entry;

    ELSIF op.kind = 'reserve' THEN
      p_from := p_at;
      WHILE p_n[p_at] = op.n LOOP p_at := p_at + 1; END LOOP;
      IF op.state IS NOT NULL THEN
        IF (op.hold).fingerprint <> op.fingerprint THEN answer := '{"status": "other"}';
        ELSIF op.state NOT IN ('open', 'assumed') THEN answer := '{"status": "closed"}';
        ELSE
          FOREACH i IN ARRAY ARRAY(SELECT array_position(w_id, h) FROM unnest((op.hold).windows) AS h) LOOP
            seen := seen || jsonb_build_array(${STANDING});
          END LOOP;
          answer := jsonb_build_object('status', 'replay', 'windows', seen);
        END IF;
      ELSIF p_at = p_from THEN
        answer := '{"status": "unlimited"}';
      ELSE
        refused := NULL; over := '[]';
        FOR k IN p_from .. p_at - 1 LOOP
          b := array_position(b_id, p_budget[k]);
          IF p_call[k] THEN
            lim := b_limit[b]; used := op.call_spent;
          ELSE
            i := array_position(w_id, p_window[k]);
            lim := w_limit[i]; used := w_settled[i] + w_reserved[i];
          END IF;
          IF used + op.amount > lim THEN
            IF op.enforce AND b_enforce[b] THEN refused := coalesce(refused, k - p_from);
            ELSE over := over || to_jsonb(k - p_from);
            END IF;
          END IF;
        END LOOP;
        FOR k IN p_from .. p_at - 1 LOOP
          IF p_call[k] THEN
            seen := seen || jsonb_build_array(jsonb_build_array(-array_position(b_id, p_budget[k]), p_scope_id[k]));
          ELSE
            i := array_position(w_id, p_window[k]);
            IF refused IS NULL THEN
              w_reserved[i] := w_reserved[i] + op.amount; w_dirty[i] := true;
              w_excess[i] := greatest(w_excess[i], w_settled[i] + w_reserved[i] - w_limit[i]);
            END IF;
            seen := seen || jsonb_build_array(${STANDING});
          END IF;
        END LOOP;
        IF refused IS NULL THEN
          h_at := h_at || op.n + cardinality(expired); h_from := h_from || p_from; h_to := h_to || p_at - 1;
        END IF;
        answer := jsonb_build_object('status', CASE WHEN refused IS NULL THEN 'held' ELSE 'refused' END,
          'windows', seen, 'refused', refused, 'over', over);
      END IF;

    ELSIF op.kind IN ('settle', 'release', 'expire') THEN
      -- What is reserved less, what is settled more, what of that was not held, and what the attempt cost.
      less := 0; more := 0; beyond := 0; c := 0;
      IF op.kind = 'settle' AND op.state IS NULL THEN
        entries := entries || op.entry;
        answer := jsonb_build_object('state', CASE WHEN op.is_entered THEN 'repeated' ELSE 'settled' END, 'windows', seen);
      ELSIF op.kind = 'settle' AND op.state = 'open' THEN
        -- The books may have the entry already: then its cost is what counts.
        c := coalesce(CASE WHEN op.is_entered THEN op.entered ELSE (op.entry->>'cost_picos')::numeric END, 0);
        less := op.held; more := c; beyond := c - op.held; next_state := 'settled';
        entries := entries || op.entry;
      ELSIF op.kind = 'settle' AND op.state = 'assumed' THEN
        -- A cost that nobody knows leaves what was assumed.
        c := coalesce((op.entry->>'cost_picos')::numeric, op.held);
        more := c - op.held; beyond := more; next_state := 'corrected';
        entries := entries || (op.entry || jsonb_build_object('kind', 'correction', 'cost_picos', CASE WHEN op.entry ? 'cost_picos' THEN more::text END));
      ELSIF op.kind = 'settle' THEN
        -- Its acknowledgement may have been lost: what it told of is told again.
        FOR one IN SELECT e FROM jsonb_array_elements((op.hold).told) AS e LOOP
          i := array_position(w_id, (one.e->>0)::bigint);
          seen := seen || jsonb_build_array(${STANDING} || jsonb_build_array(one.e->1, one.e->2));
        END LOOP;
        answer := jsonb_build_object('state', 'repeated', 'windows', seen);
      ELSIF op.kind = 'release' AND op.state = 'open' THEN
        less := op.held; next_state := 'released';
      ELSIF op.kind = 'expire' AND op.state = 'open' THEN
        less := op.held; more := op.held; c := op.held; next_state := 'assumed';
        entries := entries || groat.assumption_of(op.hold, t);
      END IF;
      IF next_state IS NOT NULL THEN
        FOREACH i IN ARRAY ARRAY(SELECT array_position(w_id, h) FROM unnest((op.hold).windows) AS h) LOOP
          w_reserved[i] := w_reserved[i] - less; w_settled[i] := w_settled[i] + more; w_dirty[i] := true;
          over := '[]'; x := 0;
          IF w_limit[i] IS NOT NULL THEN
            x := greatest(beyond, 0); w_excess[i] := w_excess[i] + x;
            -- Nobody hears of the others: what they cross is left to the next settlement to tell.
            IF w_settled[i] >= w_next[i] AND op.kind = 'settle' THEN
              SELECT jsonb_agg(th ORDER BY th) FILTER (WHERE w_settled[i] >= th * w_limit[i]),
                max(th) FILTER (WHERE w_settled[i] >= th * w_limit[i]),
                min(th * w_limit[i]) FILTER (WHERE w_settled[i] < th * w_limit[i])
              INTO over, w_reached, w_after
              FROM groat.budget AS g CROSS JOIN LATERAL unnest(g.thresholds) AS th
              WHERE g.id = w_budget[i] AND th > w_fired[i];
              w_fired[i] := w_reached; w_next[i] := w_after;
            END IF;
          END IF;
          IF op.kind = 'settle' THEN
            seen := seen || jsonb_build_array(${STANDING} || jsonb_build_array(over, x::text));
            IF over <> '[]' OR x > 0 THEN
              told := coalesce(told, '[]') || jsonb_build_array(jsonb_build_array(w_id[i], over, x::text));
            END IF;
          END IF;
        END LOOP;
        c_id := c_id || op.id; c_state := c_state || next_state; c_actual := c_actual || c;
        c_told := array_append(c_told, told);
        answer := jsonb_build_object('state', next_state, 'windows', seen);
      END IF;
    END IF;
    IF op.n >= 0 THEN answers := answers || answer; END IF;
  END LOOP;

  INSERT INTO groat.hold (id, call_id, fingerprint, state, amount_picos, windows, provider, model, user_id, project_id,
    organization_id, key_id, tags, created_at, expires_at)
  SELECT o.id, o.call_id, o.fingerprint, 'open', o.amount, array_remove(p_window[h.lo:h.hi], NULL), o.provider, o.model,
    o.user_id, o.project_id, o.organization_id, o.key_id, o.tags, t, t + ceil(o.ttl_ms)
  FROM unnest(h_at, h_from, h_to) AS h(at, lo, hi)
  CROSS JOIN LATERAL jsonb_to_record(ops -> h.at) AS o(id text, call_id text, fingerprint text, amount numeric,
    ttl_ms numeric, user_id text, project_id text, organization_id text, key_id text, tags text[], provider text, model text);

  UPDATE groat.hold AS h SET state = u.state, actual_picos = u.actual, told = u.told, closed_at = t
  FROM unnest(c_id, c_state, c_actual, c_told) AS u(id, state, actual, told) WHERE h.id = u.id;

  UPDATE groat.budget_window AS w
  SET limit_picos = u.lim, settled_picos = u.settled, reserved_picos = u.reserved, excess_picos = u.excess, fired = u.fired
  FROM unnest(w_id, w_limit, w_settled, w_reserved, w_excess, w_fired, w_dirty)
    AS u(id, lim, settled, reserved, excess, fired, dirty)
  WHERE w.id = u.id AND u.dirty;

  INSERT INTO groat.entry (${WRITTEN})
  SELECT ${WRITTEN} FROM unnest(entries) WITH ORDINALITY AS e(entry, ord)
  CROSS JOIN LATERAL jsonb_populate_record(NULL::groat.entry, e.entry)
  ORDER BY e.ord
  ON CONFLICT (id) DO NOTHING;

  answer := jsonb_build_object(
    'answers', to_jsonb(answers),
    'assumed', cardinality(expired),
    'windows', coalesce((SELECT jsonb_agg(jsonb_build_array(w.budget_id, w.scope_id,
        w.starts_at, w.ends_at, w.limit_picos::text)
        ORDER BY w.id) FROM groat.budget_window AS w WHERE w.id = ANY (w_id)), '[]'),
    'budgets', coalesce((SELECT jsonb_agg(groat.budget_json(g) ORDER BY array_position(b_id, g.id))
      FROM groat.budget AS g WHERE g.id = ANY (b_id)), '[]'));
  -- Nothing was held in these, and nobody else saw them yet.
  DELETE FROM groat.budget_window AS w USING unnest(w_id, w_dirty) AS u(id, dirty)
  WHERE w.id = u.id AND w.id = ANY (opened) AND NOT u.dirty;
  RETURN answer;
END $work$;
`
