-- Which side of a dialog ended it, as proxies report it of calls that they only pass on.

ALTER TABLE calls_raw
    ADD COLUMN IF NOT EXISTS hung_up_by LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'ended only, of a dialog that a proxy saw: which side of it ended it: caller, callee, server' AFTER ended_by;

CREATE OR REPLACE VIEW calls AS
SELECT
    id, source, node, boot, seq, at, kind, aor, leg, call, sip_call_id, direction, peer,
    other_leg, correlation, transfer, ended_by, hung_up_by, state, cause, status_code, digit,
    duration_ms, snapshot, topic, partition, offset, published_at, stored_at
FROM calls_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What happens to the legs of calls';
