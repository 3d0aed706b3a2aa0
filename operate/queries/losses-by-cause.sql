-- Why did users become unreachable?
-- losses: how often somebody who was reachable no longer was; users: of how many.
WITH changes AS (
    SELECT
        aor, at, cause, reachable,
        lagInFrame(reachable, 1, false) OVER (
            PARTITION BY aor ORDER BY version
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS was_reachable
    FROM presence_history
    WHERE at < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
)
SELECT cause, count() AS losses, uniqExact(aor) AS users, min(at) AS first, max(at) AS last
FROM changes
WHERE was_reachable AND NOT reachable AND at >= {from:DateTime64(6, 'UTC')}
GROUP BY cause
ORDER BY losses DESC, cause
