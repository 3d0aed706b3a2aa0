-- How many users were reachable, minute by minute?
-- reachable: at the end of the minute; grey: of how many nothing was known then. Minutes without a change are left out.
-- Plot: reachable by minute.
SELECT minute, reachable, grey
FROM (
    SELECT
        day, minute,
        sum(sumIf(change, reachable)) OVER (PARTITION BY day ORDER BY minute ASC) AS reachable,
        sum(sumIf(change, grey)) OVER (PARTITION BY day ORDER BY minute ASC) AS grey
    FROM online_by_minute
    WHERE node = {node:String} AND (day >= toDate({from:DateTime64(6, 'UTC')}) OR day = (SELECT toDate(since) FROM presence_open)) AND minute < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR domain = {domain:String})
    GROUP BY day, minute
)
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
ORDER BY minute
