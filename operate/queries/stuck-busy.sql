-- Who has been in the same call for more than four hours, now?
SELECT aor, status, call.node AS node, call.peer AS peer, call.state AS state, call.since AS since
FROM presence ARRAY JOIN calls AS call
WHERE call.since < now64(6) - INTERVAL 4 HOUR AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
    AND ({node:String} = '' OR call.node = {node:String})
ORDER BY since
