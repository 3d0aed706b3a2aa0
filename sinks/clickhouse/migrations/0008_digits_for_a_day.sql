-- Keyed digits can be PINs: where a producer publishes them in clear, they stay for a day.

ALTER TABLE calls_raw
    MODIFY COLUMN digit Nullable(String) TTL toDateTime(stored_at) + INTERVAL 1 DAY COMMENT 'dtmf only, where it is published in clear; for a day';

ALTER TABLE media_raw
    MODIFY COLUMN digit Nullable(String) TTL toDateTime(stored_at) + INTERVAL 1 DAY COMMENT 'dtmf only, where it is published in clear; for a day';
