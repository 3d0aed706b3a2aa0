-- Where each partition is read on from after a restart. Written after the rows it stands for.

CREATE TABLE IF NOT EXISTS positions
(
    topic     LowCardinality(String) COMMENT 'Topic name on the cluster',
    log       LowCardinality(String) COMMENT 'Topic id given by Kafka: a topic made anew starts anew',
    partition UInt32,
    next      UInt64 COMMENT 'First offset that is not stored yet',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(next)
ORDER BY (topic, log, partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Resume positions of the ClickHouse sink';
