SELECT toDate(at) AS day, toStartOfMinute(at) AS minute, node, kind, count() AS events
FROM registrations
WHERE at >= {begin} AND at < {end}
GROUP BY day, minute, node, kind
