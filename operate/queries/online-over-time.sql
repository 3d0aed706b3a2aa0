-- How many users were reachable, minute by minute?
-- reachable: at the end of the minute; minutes without a change are left out.
WITH changes AS (
    SELECT
        at,
        toInt8(reachable) - lagInFrame(toInt8(reachable), 1, toInt8(0)) OVER (
            PARTITION BY aor ORDER BY version
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS change
    FROM presence_history
    WHERE at < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
)
SELECT
    toStartOfMinute(greatest(at, {from:DateTime64(6, 'UTC')})) AS minute,
    countIf(change > 0) AS came,
    countIf(change < 0) AS went,
    sum(sum(change)) OVER (ORDER BY toStartOfMinute(greatest(at, {from:DateTime64(6, 'UTC')})) ASC) AS reachable
FROM changes
GROUP BY minute
ORDER BY minute
