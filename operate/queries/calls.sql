-- Which calls were made?
-- One row a call over all nodes. joined: connected to it later, by a transfer, a pick-up or a queue.
SELECT
    call_id,
    arrayStringConcat(users, ' ') AS users,
    arrayStringConcat(joined, ' ') AS joined,
    arrayStringConcat(nodes, ' ') AS nodes,
    started, answered, ended, state, cause, hung_up_by, mos
FROM (
    SELECT call_id, users, joined, nodes, started, answered, ended, state, cause, hung_up_by, mos
    FROM call_records
    WHERE started >= {from:DateTime64(6, 'UTC')} AND started < {to:DateTime64(6, 'UTC')}
        AND ({node:String} = '' OR has(nodes, {node:String}))
        AND ({domain:String} = '' OR arrayExists(x -> splitByChar('@', x)[-1] = {domain:String}, arrayConcat(users, joined)))
        AND ({aor:String} = '' OR has(arrayConcat(users, joined), {aor:String}))
)
ORDER BY started
