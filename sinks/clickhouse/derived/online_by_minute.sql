SELECT
    day, toStartOfMinute(edge.1) AS minute, node, domain, status, reachable, grey,
    sum(edge.2) AS change
FROM
(
    SELECT
        day, splitByChar('@', aor)[-1] AS domain, status, reachable, grey,
        arrayJoin(
            arrayFilter(one -> if(one.2 > 0, {begins}, has_ended), [(start, 1), (until, -1)])
        ) AS edge,
        arrayJoin(arrayConcat([''], nodes)) AS node
    FROM {spans}
)
GROUP BY day, minute, node, domain, status, reachable, grey
HAVING change != 0
