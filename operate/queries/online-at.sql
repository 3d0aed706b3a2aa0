-- Who was reachable at a moment, over which nodes, and since when?
-- since: the time of the change that was the latest one then; cause: why it came; grey: every binding was stale, so that nothing was certain.
-- Users of a lost node are unreachable from the end of its lease on: see `nodes`.
SELECT
    aor,
    argMax(its_status, version) AS status,
    arrayStringConcat(argMax(its_nodes, version), ' ') AS nodes,
    argMax(begun, version) AS since,
    argMax(its_cause, version) AS cause,
    argMax(is_grey, version) AS grey
FROM (
    SELECT
        aor, version, since AS begun, status AS its_status, reachable AS is_reachable,
        grey AS is_grey, nodes AS its_nodes, cause AS its_cause
    FROM presence_days
    WHERE day = toDate({at:DateTime64(6, 'UTC')}) AND start <= {at:DateTime64(6, 'UTC')} AND until > {at:DateTime64(6, 'UTC')}
    UNION ALL
    SELECT
        aor, version, since AS begun, status AS its_status, reachable AS is_reachable,
        grey AS is_grey, nodes AS its_nodes, cause AS its_cause
    FROM presence_days
    WHERE day = (SELECT day FROM presence_open) AND NOT has_ended
        AND {at:DateTime64(6, 'UTC')} >= (SELECT since FROM presence_open)
    UNION ALL
    SELECT
        aor, version, at AS begun, status AS its_status, reachable AS is_reachable,
        notEmpty(bindings) AND arrayAll(stale -> stale, bindings.stale) AS is_grey,
        arraySort(arrayDistinct(bindings.node)) AS its_nodes, cause AS its_cause
    FROM presence_history
    WHERE at >= (SELECT since FROM presence_open) AND at <= {at:DateTime64(6, 'UTC')}
)
WHERE ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY aor
HAVING argMax(is_reachable, version) AND ({node:String} = '' OR has(argMax(its_nodes, version), {node:String}))
ORDER BY aor
