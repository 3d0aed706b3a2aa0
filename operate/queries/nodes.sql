-- What happened to the SIP nodes?
SELECT at, node, source, kind, version, reason
FROM nodes
WHERE kind != 'heartbeat' AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String})
ORDER BY at, node
