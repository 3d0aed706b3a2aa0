-- Who was reachable at a moment, over which nodes, and since when?
-- since: the time of the change that was the latest one then; cause: why it came.
-- Users of a lost node are unreachable from the end of its lease on: see `nodes`.
SELECT
    aor,
    argMax(status, version) AS status,
    arrayStringConcat(arraySort(arrayDistinct(argMax(bindings.node, version))), ' ') AS nodes,
    argMax(presence_history.at, version) AS since,
    argMax(cause, version) AS cause
FROM presence_history
WHERE at <= {at:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY aor
HAVING argMax(reachable, version)
    AND ({node:String} = '' OR has(argMax(bindings.node, version), {node:String}))
ORDER BY aor
