SELECT
    toDate(at) AS day, toStartOfHour(at) AS hour, node, splitByChar('@', aor)[-1] AS domain, kind,
    agent, agent_version, count() AS events
FROM registrations
WHERE at >= {begin} AND at < {end}
GROUP BY day, hour, node, domain, kind, agent, agent_version
