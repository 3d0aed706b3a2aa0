-- Presence: every change, and the last one a user.

CREATE TABLE IF NOT EXISTS presence_history_raw
(
    aor           String COMMENT 'The user',
    version       UInt64 COMMENT 'Only grows, per user; with aor the identity of the row',
    status        LowCardinality(String) COMMENT 'For people: offline, online, ringing, on-the-phone, held',
    reachable     Bool COMMENT 'For routing',
    cause         LowCardinality(String) COMMENT 'Why this change came',
    at            DateTime64(6, 'UTC') COMMENT 'When the cause happened, by the clock of its node',
    bindings      Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent Nullable(String),
        since DateTime64(6, 'UTC'))) COMMENT 'Live ones, oldest first',
    calls         Array(Tuple(
        node LowCardinality(String), leg String, call String, sip_call_id Nullable(String),
        direction LowCardinality(Nullable(String)), peer Nullable(String),
        state LowCardinality(String), since DateTime64(6, 'UTC'))) COMMENT 'From ringing on',
    evidence      Array(String) COMMENT 'Ids of the events that prove it',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (aor, version)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every presence change (as delivered: a repeat may stand here until a merge; read presence_history)';

CREATE OR REPLACE VIEW presence_history AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, stored_at
FROM presence_history_raw FINAL
COMMENT 'Every presence change: one row a user and version';

CREATE TABLE IF NOT EXISTS presence_raw
(
    aor           String COMMENT 'The user',
    version       UInt64 COMMENT 'Only grows, per user; with aor the identity of the row',
    status        LowCardinality(String) COMMENT 'For people: offline, online, ringing, on-the-phone, held',
    reachable     Bool COMMENT 'For routing',
    cause         LowCardinality(String) COMMENT 'Why this change came',
    at            DateTime64(6, 'UTC') COMMENT 'When the cause happened, by the clock of its node',
    bindings      Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent Nullable(String),
        since DateTime64(6, 'UTC'))) COMMENT 'Live ones, oldest first',
    calls         Array(Tuple(
        node LowCardinality(String), leg String, call String, sip_call_id Nullable(String),
        direction LowCardinality(Nullable(String)), peer Nullable(String),
        state LowCardinality(String), since DateTime64(6, 'UTC'))) COMMENT 'From ringing on',
    evidence      Array(String) COMMENT 'Ids of the events that prove it',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY aor
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The present state of each user (as delivered: a repeat may stand here until a merge; read presence)';

CREATE OR REPLACE VIEW presence AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, stored_at
FROM presence_raw FINAL
COMMENT 'The present state of each user: one row a user, the highest version';

CREATE MATERIALIZED VIEW IF NOT EXISTS presence_to_current TO presence_raw AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition, offset,
    stored_at
FROM presence_history_raw;
