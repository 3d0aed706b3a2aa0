-- What became of the extensions that were dialled: over all, by day, hour of the day, gateway and user?
-- One row an outcome of a group: calls, their percent of the group's, attempts at the digits on average; connect_p50_s: seconds from the start of the call to the answer to the digits, or the bridge.
-- Calls that have not ended are left out. Times are those of the asking, UTC.
WITH grouped AS (
    SELECT
        arrayJoin([('all', ''), ('day', toString(toDate(asked_at))), ('hour', leftPad(toString(toHour(asked_at)), 2, '0')), ('gateway', gateway), ('user', aor)]) AS cell,
        outcome, attempts, connect_seconds
    FROM dial_results
    WHERE state = 'ended' AND asked_at >= {from:DateTime64(6, 'UTC')} AND asked_at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
), counted AS (
    SELECT
        tupleElement(cell, 1) AS by, tupleElement(cell, 2) AS of, outcome, count() AS calls,
        round(avg(attempts), 2) AS attempts,
        round(quantileExact(0.5)(connect_seconds), 2) AS connect_p50_s
    FROM grouped
    WHERE by = 'all' OR of != ''
    GROUP BY by, of, outcome
)
SELECT
    by, of, outcome, calls, round(100 * calls / sum(calls) OVER (PARTITION BY by, of), 1) AS percent,
    attempts, connect_p50_s
FROM counted
ORDER BY transform(by, ['all', 'day', 'hour', 'gateway', 'user'], [1, 2, 3, 4, 5], 6), of, calls DESC, outcome
