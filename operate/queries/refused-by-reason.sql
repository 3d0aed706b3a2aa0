-- Which registrations were refused, and why?
SELECT
    node, coalesce(reason, '(none)') AS reason, status_code,
    count() AS refused, uniqExact(aor) AS users, max(at) AS last
FROM registrations
WHERE kind = 'refused' AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY node, reason, status_code
ORDER BY refused DESC, node, reason
