-- Which clients register?
-- By the User-Agent as the client wrote it; users: who registered with it in that time.
SELECT
    coalesce(user_agent, '(none)') AS agent,
    uniqExact(aor) AS users,
    countIf(kind = 'registered') AS registered,
    countIf(kind = 'refreshed') AS refreshed
FROM registrations
WHERE kind IN ('registered', 'refreshed') AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY agent
ORDER BY users DESC, agent
