-- Which users keep losing and regaining their registration?
-- losses: a device that restarts with several contacts counts once; three losses or more.
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
SELECT
    aor,
    countIf(was_reachable AND NOT reachable) AS losses,
    topKIf(1)(cause, NOT reachable)[1] AS most_often,
    max(at) AS last
FROM changes
WHERE at >= {from:DateTime64(6, 'UTC')}
GROUP BY aor
HAVING losses >= 3
ORDER BY losses DESC, aor
