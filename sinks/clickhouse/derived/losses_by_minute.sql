SELECT toDate(until) AS day, toStartOfMinute(until) AS minute, node, domain, cause, count() AS losses
FROM
(
    SELECT
        until, splitByChar('@', aor)[-1] AS domain, until_cause AS cause,
        arrayJoin(arrayConcat([''], nodes)) AS node
    FROM {spans}
    WHERE lost
)
GROUP BY day, minute, node, domain, cause
