-- Input that could not be used, with the reason.

CREATE TABLE IF NOT EXISTS dead_letters_raw
(
    id            String COMMENT 'CloudEvents id of the letter, else where it was read',
    at            DateTime64(6, 'UTC') COMMENT 'When it was found unusable',
    source        String COMMENT 'Origin: freeswitch/NODE, or topic/partition/offset',
    reason        String,
    field         Nullable(String) COMMENT 'The first field at fault',
    payload       String COMMENT 'The bytes, base64, cut at 64 KiB',
    size          UInt64 COMMENT 'Of the whole payload, in bytes',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
ORDER BY (source, id)
TTL toDateTime(stored_at) + INTERVAL 90 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Input that could not be used (as delivered: a repeat may stand here until a merge; read dead_letters)';

CREATE OR REPLACE VIEW dead_letters AS
SELECT
    id, at, source, reason, field, tryBase64Decode(payload) AS text, payload, size, topic,
    partition, offset, stored_at
FROM dead_letters_raw FINAL
COMMENT 'Input that could not be used; text is the payload decoded';
