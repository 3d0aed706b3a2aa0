-- Which calls were made?
-- One row a call of one node: a call across an edge has one at each. cause: of the first leg.
SELECT
    node,
    argMin(coalesce(sip_call_id, ''), seq) AS call_id,
    arrayStringConcat(arrayFilter(x -> x != '', groupUniqArray(aor)), ' ') AS users,
    min(at) AS started,
    if(countIf(kind = 'answered') > 0, minIf(at, kind = 'answered'), NULL) AS answered,
    if(countIf(kind = 'ended') > 0, maxIf(at, kind = 'ended'), NULL) AS ended,
    argMinIf(coalesce(cause, ''), seq, kind = 'ended') AS cause
FROM calls
WHERE kind NOT IN ('snapshot-began', 'snapshot-row', 'snapshot-ended') AND leg IS NOT NULL
    AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR aor = '' OR splitByChar('@', aor)[-1] = {domain:String})
GROUP BY node, call
HAVING {aor:String} = '' OR has(groupUniqArray(aor), {aor:String})
ORDER BY started
