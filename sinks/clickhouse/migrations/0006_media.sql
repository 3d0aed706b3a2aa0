-- What media proxies measure of calls. Quality comes every few seconds a call, so it is kept shorter
-- than how calls ended, whose last figures are the whole call's.

CREATE TABLE IF NOT EXISTS media_raw
(
    id            String COMMENT 'Event id: one row an id',
    source        LowCardinality(String) COMMENT 'What observed it: rtpengine',
    node          LowCardinality(String) COMMENT 'The media proxy',
    boot          LowCardinality(String) COMMENT 'The run of the process of that node',
    seq           UInt64 COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') COMMENT 'When it was measured or happened, by the clock of the node',
    kind          LowCardinality(String),
    call_id       String COMMENT 'SIP Call-ID: calls.sip_call_id',
    tags          Array(String) COMMENT 'SIP tags of the parties',
    streams       Array(Tuple(
        tag String, `index` UInt32, type LowCardinality(String), codec LowCardinality(Nullable(String)),
        ssrc Nullable(UInt32), packets UInt64, bytes UInt64, errors UInt64,
        last_packet_at Nullable(DateTime64(6, 'UTC')), heard_lost Nullable(UInt64),
        heard_loss_percent Nullable(Float64), heard_jitter_ms Nullable(Float64),
        heard_mos Nullable(Float64), heard_mos_lowest Nullable(Float64),
        round_trip_ms Nullable(Float64), heard_reports Nullable(UInt64))) COMMENT 'One a party and medium: packets came from it, heard_* is how it hears the other side',
    created_at    Nullable(DateTime64(6, 'UTC')) COMMENT 'When the media proxy was told of the call',
    last_packet_at Nullable(DateTime64(6, 'UTC')) COMMENT 'The latest from any party, to the second',
    reason        LowCardinality(Nullable(String)) COMMENT 'ended, timed-out: which reason of the media proxy',
    tag           Nullable(String) COMMENT 'dtmf: of the party that pressed it',
    digit         Nullable(String) COMMENT 'dtmf only',
    duration_ms   Nullable(UInt64) COMMENT 'dtmf only',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (call_id, at, id)
TTL toDateTime(stored_at) + INTERVAL 180 DAY,
    toDateTime(stored_at) + INTERVAL 30 DAY DELETE WHERE kind = 'quality'
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Media of calls; quality while they live for 30 days (as delivered: a repeat may stand here until a merge; read media)';

CREATE OR REPLACE VIEW media AS
SELECT
    id, source, node, boot, seq, at, kind, call_id, tags, streams, created_at, last_packet_at,
    reason, tag, digit, duration_ms, topic, partition, offset, stored_at
FROM media_raw FINAL
COMMENT 'Media of calls; quality while they live for 30 days';
