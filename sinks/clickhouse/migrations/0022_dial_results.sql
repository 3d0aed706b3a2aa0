-- Dialled extensions: the last result of each call that was asked for.

CREATE TABLE IF NOT EXISTS dial_results_raw
(
    key           String CODEC(ZSTD(1)) COMMENT 'Idempotency key: repeats within 24 h are one call',
    call          String CODEC(ZSTD(1)) COMMENT 'UUID of the called leg: calls.leg',
    client        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Who asked',
    asked_at      DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it was asked for, by the clock of the asker',
    at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When this was written: the latest is shown',
    state         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'accepted, calling, keying, ended',
    outcome       LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Empty: not ended yet',
    cause         Nullable(String) CODEC(ZSTD(1)) COMMENT 'Of the switch, or of the dialler',
    aor           String CODEC(ZSTD(1)) COMMENT 'The user rung first; empty for calls of a gateway alone',
    gateway       LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Sofia gateway; empty where none was chosen',
    number        String CODEC(ZSTD(1)) COMMENT 'The number called; the extension is nowhere',
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The FreeSWITCH that called; empty where none did',
    digits        UInt32 CODEC(ZSTD(1)) COMMENT 'How many the extension has',
    digits_sent   UInt32 CODEC(ZSTD(1)),
    digits_confirmed UInt32 CODEC(ZSTD(1)),
    attempts      UInt32 CODEC(ZSTD(1)) COMMENT 'How often the digits were sent',
    connect_seconds Nullable(Float64) CODEC(ZSTD(1)) COMMENT 'connected only: from the start of the call to its last step, the answer to the digits or the bridge',
    record        String CODEC(ZSTD(3)) COMMENT 'All of it, as JSON: with the timeline',
    topic         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition     UInt32 CODEC(ZSTD(1)),
    offset        UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at  Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published',
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree(at)
PARTITION BY toYYYYMM(asked_at)
ORDER BY (asked_at, key)
TTL toDateTime(stored_at) + toIntervalDay(180)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'Dialled extensions (as delivered: earlier results may stand here until a merge; read dial_results)';

CREATE OR REPLACE VIEW dial_results AS
SELECT
    key, call, client, asked_at, at, state, outcome, cause, aor, gateway, number, node, digits,
    digits_sent, digits_confirmed, attempts, connect_seconds, record, topic, partition, offset,
    published_at, stored_at
FROM dial_results_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Dialled extensions: one row a call that was asked for, its last result';
