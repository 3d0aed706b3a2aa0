-- Which clients register?
-- By family and version, as the User-Agent has them; users: who registered with it in that time.
SELECT
    if(registrations.agent = '', '(none)', registrations.agent) AS agent,
    registrations.agent_version AS version,
    uniqExact(aor) AS users,
    countIf(kind = 'registered') AS registered,
    countIf(kind = 'refreshed') AS refreshed
FROM registrations
WHERE kind IN ('registered', 'refreshed') AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY agent, version
ORDER BY users DESC, agent, version
