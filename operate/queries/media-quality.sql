-- Which calls had bad audio?
-- One row a party: what it heard. mos below 3.5 or more than 3 % lost.
SELECT
    node, call_id, stream.tag AS tag, stream.heard_mos AS mos,
    stream.heard_loss_percent AS loss_percent, stream.heard_jitter_ms AS jitter_ms, kind, at
FROM media ARRAY JOIN streams AS stream
WHERE kind IN ('ended', 'timed-out') AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String})
    AND (stream.heard_mos < 3.5 OR stream.heard_loss_percent > 3)
ORDER BY at, tag
