-- Calls: the last record of each, as far as it has gone.

CREATE TABLE IF NOT EXISTS call_records_raw
(
    id            String CODEC(ZSTD(1)) COMMENT 'Of the call',
    version       UInt64 CODEC(ZSTD(1)) COMMENT 'Only grows, per call: the highest is shown',
    merged_into   String CODEC(ZSTD(1)) COMMENT 'Turned out to be a part of that call; else empty',
    call_id       Nullable(String) CODEC(ZSTD(1)) COMMENT 'SIP Call-ID of the first leg',
    call          String CODEC(ZSTD(1)) COMMENT 'calls.call of the first leg',
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Node of the first leg',
    nodes         Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'All nodes passed',
    users         Array(String) CODEC(ZSTD(1)) COMMENT 'The caller first',
    joined        Array(String) CODEC(ZSTD(1)) COMMENT 'Users connected to it later: by a transfer, a pick-up or a queue',
    caller        Nullable(String) CODEC(ZSTD(1)),
    callee        Nullable(String) CODEC(ZSTD(1)) COMMENT 'Who answered; else the only one it was offered to',
    dialled       Nullable(String) CODEC(ZSTD(1)),
    state         LowCardinality(String) CODEC(ZSTD(1)),
    started       DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of its node, as all times',
    ringing       Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    early         Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    answered      Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    ended         Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    cause         LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    status_code   Nullable(UInt16) CODEC(ZSTD(1)),
    hung_up_by    LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'caller, callee or server',
    at_risk       Bool CODEC(ZSTD(1)) COMMENT 'A connection or the media of a live leg is lost',
    holds         UInt32 CODEC(ZSTD(1)),
    forks         UInt32 CODEC(ZSTD(1)) COMMENT 'To how many clients or trunks it was offered',
    transfers     UInt32 CODEC(ZSTD(1)),
    picked_up     Bool CODEC(ZSTD(1)),
    digits        UInt32 CODEC(ZSTD(1)),
    mos           Nullable(Float64) CODEC(ZSTD(1)) COMMENT 'Lowest, 1.0 to 5.0',
    loss_percent  Nullable(Float64) CODEC(ZSTD(1)) COMMENT 'Highest',
    jitter_ms     Nullable(Float64) CODEC(ZSTD(1)) COMMENT 'Highest',
    round_trip_ms Nullable(Float64) CODEC(ZSTD(1)) COMMENT 'Longest',
    media_timed_out Bool CODEC(ZSTD(1)),
    speech        UInt32 CODEC(ZSTD(1)) COMMENT 'Speech sessions',
    record        String CODEC(ZSTD(3)) COMMENT 'All of it, as JSON: with its legs, transfers, media and speech',
    topic         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition     UInt32 CODEC(ZSTD(1)),
    offset        UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at  Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published',
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time started TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(started)
ORDER BY id
TTL toDateTime(stored_at) + toIntervalDay(180)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'Calls, each as far as it has gone (as delivered: older versions may stand here until a merge; read call_records)';

CREATE OR REPLACE VIEW call_records AS
SELECT
    id, version, merged_into, call_id, call, node, nodes, users, joined,
    caller, callee, dialled, state, started, ringing,
    early, answered, ended, cause, status_code, hung_up_by, at_risk, holds, forks, transfers,
    picked_up, digits, mos, loss_percent, jitter_ms, round_trip_ms, media_timed_out, speech, record,
    topic, partition, offset, published_at, stored_at
FROM call_records_raw FINAL
WHERE merged_into = ''
COMMENT 'Calls over all nodes: one row a call, its last record';

-- What call events name of their call, of its transfers, and of which end ended a leg.
ALTER TABLE calls_raw
    ADD COLUMN IF NOT EXISTS correlation Nullable(String) CODEC(ZSTD(1)) COMMENT 'What the servers of one call share beside Call-IDs' AFTER other_leg,
    ADD COLUMN IF NOT EXISTS transfer Nullable(String) CODEC(ZSTD(1)) COMMENT 'The last transfer of the leg, in the words of the server' AFTER correlation,
    ADD COLUMN IF NOT EXISTS ended_by LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'ended only: which end of the leg ended it: party, server' AFTER transfer;

CREATE OR REPLACE VIEW calls AS
SELECT
    id, source, node, boot, seq, at, kind, aor, leg, call, sip_call_id, direction, peer,
    other_leg, correlation, transfer, ended_by, state, cause, status_code, digit, duration_ms,
    snapshot, topic, partition, offset, published_at, stored_at
FROM calls_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What happens to the legs of calls';
