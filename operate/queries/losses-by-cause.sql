-- Why did users become unreachable?
-- losses: how often somebody who was reachable no longer was; first and last to the minute.
-- Plot: losses by cause.
SELECT cause, sum(losses) AS losses, min(minute) AS first, max(minute) AS last
FROM (
    SELECT * FROM losses_by_minute_closed
    WHERE day >= toDate({from:DateTime64(6, 'UTC')}) AND day <= toDate({to:DateTime64(6, 'UTC')})
    UNION ALL
    SELECT * FROM losses_by_minute_open WHERE {to:DateTime64(6, 'UTC')} > (SELECT since FROM presence_open)
)
WHERE node = {node:String} AND minute >= toStartOfMinute({from:DateTime64(6, 'UTC')}) AND minute < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR domain = {domain:String})
GROUP BY cause
ORDER BY losses DESC, cause
