-- How many users were reachable, minute by minute?
-- reachable: at the end of the minute; grey: of how many nothing was known then. Minutes without a change are left out.
-- Plot: reachable by minute.
SELECT minute, reachable, grey
FROM (
    SELECT
        day, minute,
        sum(sumIf(change, reachable)) OVER (PARTITION BY day ORDER BY minute ASC) AS reachable,
        sum(sumIf(change, grey)) OVER (PARTITION BY day ORDER BY minute ASC) AS grey
    FROM (
        SELECT * FROM online_by_minute_closed
        WHERE (day >= toDate({from:DateTime64(6, 'UTC')}) AND day <= toDate({to:DateTime64(6, 'UTC')}) OR day = (SELECT day FROM presence_open) AND {to:DateTime64(6, 'UTC')} > (SELECT since FROM presence_open))
        UNION ALL
        SELECT * FROM online_by_minute_open WHERE {to:DateTime64(6, 'UTC')} > (SELECT since FROM presence_open)
    )
    WHERE node = {node:String} AND minute < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR domain = {domain:String})
    GROUP BY day, minute
)
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
ORDER BY minute
