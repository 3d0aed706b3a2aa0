-- Recognisers and synthesisers in calls: one row an event; the last of a session has all of it.

CREATE TABLE IF NOT EXISTS speech_raw
(
    id            String COMMENT 'Event id: one row an id',
    source        LowCardinality(String) COMMENT 'What observed it: freeswitch',
    node          LowCardinality(String) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) COMMENT 'The run of the process of that node',
    seq           UInt64 COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String),
    session       String COMMENT 'Identity of the session',
    resource      LowCardinality(String) COMMENT 'recogniser or synthesiser',
    aor           String COMMENT 'The user of the leg; empty for trunks and applications',
    leg           String COMMENT 'calls.leg',
    call          Nullable(String) COMMENT 'calls.call',
    engine        LowCardinality(Nullable(String)) COMMENT 'The module of the server',
    server        LowCardinality(Nullable(String)) COMMENT 'MRCP profile',
    started_at    DateTime64(6, 'UTC'),
    input_started_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When the caller was heard to speak',
    result_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'When the latest result came',
    results       UInt32,
    ended_at      Nullable(DateTime64(6, 'UTC')),
    cause         LowCardinality(Nullable(String)) COMMENT 'Completion cause (RFC 6787), or why it ended without a result',
    latency       Nullable(Float64) COMMENT 'Seconds from the start of input to the latest result',
    text          Nullable(String) COMMENT 'The latest result, where it is published; for a day',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (aor, at, id)
TTL toDateTime(stored_at) + INTERVAL 180 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Recognisers and synthesisers in calls (as delivered: a repeat may stand here until a merge; read speech)';

ALTER TABLE speech_raw
    MODIFY COLUMN text Nullable(String) TTL toDateTime(stored_at) + INTERVAL 1 DAY COMMENT 'The latest result, where it is published; for a day';

CREATE OR REPLACE VIEW speech AS
SELECT
    id, source, node, boot, seq, at, kind, session, resource, aor, leg, call, engine, server,
    started_at, input_started_at, result_at, results, ended_at, cause, latency, text, topic,
    partition, offset, stored_at
FROM speech_raw FINAL
COMMENT 'Recognisers and synthesisers in calls; a row with kind ended is a whole session';
