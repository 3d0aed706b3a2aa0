-- When did many users become unreachable within a minute?
-- Minutes with ten losses or more: a node, a network or a carrier, not its users.
SELECT
    minute,
    sumIf(losses, node = {node:String}) AS lost,
    arrayStringConcat(topKWeightedIf(3)(cause, losses, node = {node:String}), ' ') AS causes,
    arrayStringConcat(topKWeightedIf(3)(node, losses, node != ''), ' ') AS nodes
FROM (
    SELECT * FROM losses_by_minute_closed
    WHERE day >= toDate({from:DateTime64(6, 'UTC')}) AND day <= toDate({to:DateTime64(6, 'UTC')})
    UNION ALL
    SELECT * FROM losses_by_minute_open WHERE {to:DateTime64(6, 'UTC')} > (SELECT since FROM presence_open)
)
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')}) AND minute < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR domain = {domain:String})
GROUP BY minute
HAVING lost >= 10
ORDER BY minute
