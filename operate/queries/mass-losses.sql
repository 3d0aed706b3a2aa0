-- When did many users become unreachable within a minute?
-- Minutes with ten losses or more: a node, a network or a carrier, not its users.
WITH changes AS (
    SELECT
        aor, at, cause, reachable,
        lagInFrame(reachable, 1, false) OVER (
            PARTITION BY aor ORDER BY version
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS was_reachable,
        lagInFrame(bindings.node, 1) OVER (
            PARTITION BY aor ORDER BY version
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS nodes_before
    FROM presence_history
    WHERE at < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String})
)
SELECT
    toStartOfMinute(at) AS minute,
    count() AS losses,
    arrayStringConcat(topK(3)(cause), ' ') AS causes,
    arrayStringConcat(topKArray(3)(nodes_before), ' ') AS nodes
FROM changes
WHERE was_reachable AND NOT reachable AND at >= {from:DateTime64(6, 'UTC')}
    AND ({node:String} = '' OR has(nodes_before, {node:String}))
GROUP BY minute
HAVING losses >= 10
ORDER BY minute
