SELECT
    toDate(since) AS day, toStartOfMinute(since) AS minute, node, domain, status, cause, count() AS changes,
    countIf(came) AS came
FROM
(
    SELECT
        since, splitByChar('@', aor)[-1] AS domain, status, cause, came,
        arrayJoin(arrayConcat([''], nodes)) AS node
    FROM {spans}
    WHERE since >= toDateTime64(day, 6, 'UTC') AND {begins}
)
GROUP BY day, minute, node, domain, status, cause
