-- How many of the calls that users made were answered, hour by hour?
-- One row counts each outgoing leg once; percent: of those that ended.
WITH legs AS (
    SELECT
        node, leg, min(at) AS started,
        countIf(kind = 'answered') > 0 AS was_answered, countIf(kind = 'ended') > 0 AS has_ended
    FROM calls
    WHERE direction = 'outgoing' AND leg IS NOT NULL AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
    GROUP BY node, leg
)
SELECT
    toStartOfHour(started) AS hour, count() AS made, countIf(was_answered) AS answered,
    round(100 * countIf(was_answered AND has_ended) / greatest(countIf(has_ended), 1), 1) AS percent
FROM legs
GROUP BY hour
ORDER BY hour
