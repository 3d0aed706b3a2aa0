-- Spans between {begin} and {end}: what each user's presence was, from when until when. Made of the
-- state at {begin}, which is the spans of the day {before} that go on then (of all users, or of
-- {whose}), and of changes from {oldest} on.
SELECT
    aor, version, since,
    greatest(since, {begin}) AS start,
    if(next_version = 0, {end}, greatest(next_since, {begin})) AS until,
    next_version != 0 AS has_ended,
    status, reachable,
    if(reachable, is_stale, lost_by = 'node-lost') AS grey,
    nodes, cause,
    next_cause AS until_cause,
    lost_by,
    has_ended AND reachable AND NOT next_reachable AS lost,
    reachable AND NOT was_reachable AND since >= {begin} AS came
FROM
(
    SELECT
        aor, version, since, status, reachable, is_stale, nodes, cause,
        leadInFrame(version, 1, toUInt64(0)) OVER following AS next_version,
        leadInFrame(since) OVER following AS next_since,
        leadInFrame(cause) OVER following AS next_cause,
        leadInFrame(reachable) OVER following AS next_reachable,
        if(reachable, '', anyLast(lost_for) OVER so_far) AS lost_by,
        lagInFrame(reachable, 1, false) OVER so_far AS was_reachable
    FROM
    (
        SELECT
            aor, version, since, status, reachable, is_stale, nodes, cause,
            multiIf(
                carried_lost_by IS NOT NULL, carried_lost_by,
                NOT reachable AND lagInFrame(reachable, 1, true) OVER so_far, toString(cause),
                NULL
            ) AS lost_for
        FROM
        (
            SELECT
                aor, version, since, status, reachable, grey AS is_stale, nodes, cause,
                CAST(lost_by, 'Nullable(String)') AS carried_lost_by
            FROM presence_days_raw
            WHERE day = {before} AND start < {begin} AND until >= {begin} {whose}
            UNION ALL
            SELECT
                aor, version, at AS since, status, reachable,
                notEmpty(bindings) AND arrayAll(stale -> stale, bindings.stale) AS is_stale,
                arraySort(arrayDistinct(bindings.node)) AS nodes, cause,
                NULL AS carried_lost_by
            FROM {changes}
            WHERE at >= {oldest} AND at < {end}
        )
        WINDOW so_far AS (
            PARTITION BY aor ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    )
    WINDOW
        so_far AS (
            PARTITION BY aor ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ),
        following AS (
            PARTITION BY aor ORDER BY version
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
)
WHERE next_version = 0 OR next_since >= {begin}
