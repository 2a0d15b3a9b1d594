/** The functions of version 1 that set budgets and look at windows. */
export const SETTING: string = `
CREATE FUNCTION groat.budget_json(b groat.budget) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', b.id, 'scope', b.scope, 'scope_id', b.scope_id, 'period', b.period,
    'limit_picos', b.limit_picos::text, 'time_zone', b.time_zone, 'unpriced', b.unpriced, 'mode', b.mode,
    'thresholds', to_jsonb(b.thresholds), 'on_limit', b.on_limit)
$$;

CREATE FUNCTION groat.set_budget(b jsonb, budgets_max int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  t bigint := groat.clock();
  lim numeric := (b->>'limit_picos')::numeric;
  found_id bigint;
  w record;
BEGIN
  IF NOT EXISTS (SELECT FROM groat.budget AS g WHERE g.scope = b->>'scope' AND g.scope_id = b->>'scope_id'
    AND g.period = b->>'period') AND (SELECT count(*) FROM groat.budget) >= budgets_max THEN
    RETURN false;
  END IF;
  PERFORM to_timestamp(0) AT TIME ZONE (b->>'time_zone');
  INSERT INTO groat.budget (scope, scope_id, period, limit_picos, time_zone, unpriced, mode, thresholds, on_limit, active)
  VALUES (b->>'scope', b->>'scope_id', b->>'period', lim, b->>'time_zone', b->>'unpriced', b->>'mode',
    ARRAY(SELECT th::numeric FROM jsonb_array_elements_text(b->'thresholds') AS th), b->>'on_limit', true)
  ON CONFLICT (scope, scope_id, period) DO UPDATE SET limit_picos = excluded.limit_picos,
    time_zone = excluded.time_zone, unpriced = excluded.unpriced, mode = excluded.mode,
    thresholds = excluded.thresholds, on_limit = excluded.on_limit, active = true
  RETURNING id INTO found_id;
  FOR w IN
    SELECT * FROM groat.budget_window
    WHERE budget_id = found_id AND (ends_at IS NULL OR ends_at > t) ORDER BY id FOR UPDATE
  LOOP
    UPDATE groat.budget_window SET limit_picos = lim,
      excess_picos = greatest(excess_picos, settled_picos + reserved_picos - lim),
      -- Above a raised limit the thresholds are new ones, and are told of again.
      fired = CASE WHEN w.limit_picos IS NOT DISTINCT FROM lim THEN w.fired ELSE least(w.fired, coalesce(
        (SELECT max(th::numeric) FROM jsonb_array_elements(b->'thresholds') AS th
          WHERE lim > 0 AND w.settled_picos >= th::numeric * lim), 0)) END
    WHERE id = w.id;
  END LOOP;
  RETURN true;
END $$;

-- The current window of a budget for one id, all zero where it was not used yet.
CREATE FUNCTION groat.window_of(b groat.budget, counted text, t bigint) RETURNS TABLE (budget jsonb, scope_id text,
  starts_at bigint, ends_at bigint, limit_picos numeric, settled numeric, reserved numeric, excess numeric)
LANGUAGE sql STABLE AS $$
  SELECT groat.budget_json(b), counted, coalesce(w.starts_at, greatest(p.starts_at, last.ends_at)),
    coalesce(w.ends_at, p.ends_at), coalesce(w.limit_picos, b.limit_picos), coalesce(w.settled_picos, 0),
    coalesce(w.reserved_picos, 0), coalesce(w.excess_picos, 0)
  FROM groat.period_at(b.period, b.time_zone, t) AS p
  LEFT JOIN groat.budget_window AS w ON w.id = groat.window_at(b.id, counted, t)
  LEFT JOIN LATERAL (SELECT max(o.ends_at) AS ends_at FROM groat.budget_window AS o
    WHERE o.budget_id = b.id AND o.scope_id = counted) AS last ON true
$$;

-- Those of some ids, also where they were never used; of none, every one that was used.
CREATE FUNCTION groat.windows_of(ids jsonb) RETURNS TABLE (budget jsonb, scope_id text, starts_at bigint,
  ends_at bigint, limit_picos numeric, settled numeric, reserved numeric, excess numeric) LANGUAGE plpgsql STABLE AS $$
DECLARE
  t bigint := groat.clock();
BEGIN
  IF ids = '{}' THEN
    RETURN QUERY SELECT n.* FROM groat.budget AS b
    CROSS JOIN LATERAL (
      SELECT DISTINCT w.scope_id FROM groat.budget_window AS w
      WHERE w.budget_id = b.id AND (w.ends_at IS NULL OR w.ends_at > t)
    ) AS counted(id)
    CROSS JOIN LATERAL groat.window_of(b, counted.id, t) AS n
    WHERE b.active AND b.period <> 'call';
  ELSE
    RETURN QUERY SELECT n.* FROM jsonb_each_text(ids) AS a
    CROSS JOIN LATERAL groat.budgets_of(a.key, a.value) AS b
    CROSS JOIN LATERAL groat.window_of(b, a.value, t) AS n
    WHERE b.period <> 'call';
  END IF;
END $$;
`
