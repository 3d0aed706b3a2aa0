-- How do the speech servers answer?
-- p50_s, p99_s: seconds from the start of input to the result.
SELECT
    coalesce(server, '(not reported)') AS server, resource, coalesce(cause, '(none)') AS cause,
    count() AS sessions,
    round(quantileExact(0.5)(latency), 3) AS p50_s, round(quantileExact(0.99)(latency), 3) AS p99_s
FROM speech_sessions
WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY server, resource, cause
ORDER BY server, resource, sessions DESC
