-- What is derived from deduplicated rows, a closed period at a time: spans of presence, cut at
-- midnight (UTC), and counts by minute and hour. Spans and their counts are computed beside the table
-- and take the place of the day's partition. Counts of events only grow as late ones come, so of two
-- of one key the higher one is right, also after the events themselves were dropped.

CREATE TABLE IF NOT EXISTS stored_periods
(
    what      LowCardinality(String) COMMENT 'presence: period is a day; registrations: an hour',
    period    DateTime('UTC'),
    stored_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the latest of its rows was stored'
)
ENGINE = AggregatingMergeTree
ORDER BY (what, period)
COMMENT 'Periods of which there are rows';

CREATE MATERIALIZED VIEW IF NOT EXISTS presence_to_periods TO stored_periods AS
SELECT 'presence' AS what, toDateTime(toStartOfDay(at), 'UTC') AS period, max(stored_at) AS stored_at
FROM presence_history_raw
WHERE at >= '2000-01-01' AND at < '2100-01-01'
GROUP BY period;

CREATE MATERIALIZED VIEW IF NOT EXISTS registrations_to_periods TO stored_periods AS
SELECT 'registrations' AS what, toStartOfHour(at) AS period, max(stored_at) AS stored_at
FROM registrations_raw
WHERE at >= '2000-01-01' AND at < '2100-01-01'
GROUP BY period;

-- for each: SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM stored_periods WHERE what = 'presence')
INSERT INTO stored_periods (what, period, stored_at)
SELECT 'presence', toDateTime(toStartOfDay(at), 'UTC') AS period, max(stored_at)
FROM presence_history_raw
WHERE at >= '2000-01-01' AND at < '2100-01-01'
GROUP BY period;

-- for each: SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM stored_periods WHERE what = 'registrations')
INSERT INTO stored_periods (what, period, stored_at)
SELECT 'registrations', toStartOfHour(at) AS period, max(stored_at)
FROM registrations_raw
WHERE at >= '2000-01-01' AND at < '2100-01-01'
GROUP BY period;

CREATE TABLE IF NOT EXISTS derived_periods
(
    what       LowCardinality(String) COMMENT 'As in stored_periods',
    period     DateTime('UTC'),
    derived_at DateTime64(3, 'UTC') COMMENT 'When its computation began, by the clock of ClickHouse'
)
ENGINE = ReplacingMergeTree(derived_at)
ORDER BY (what, period)
COMMENT 'Periods whose derived rows are there';

CREATE TABLE IF NOT EXISTS presence_days_raw
(
    day         Date COMMENT 'UTC',
    aor         String CODEC(ZSTD(1)) COMMENT 'The user',
    version     UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Of the presence record; with day and aor the identity of the row',
    since       DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When this state began, maybe on a day before',
    start       DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'The same, or the start of this day',
    until       DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it ended: the next midnight where it goes on',
    has_ended   Bool CODEC(ZSTD(1)) COMMENT 'Whether it ended on this day',
    status      LowCardinality(String) CODEC(ZSTD(1)),
    reachable   Bool CODEC(ZSTD(1)),
    grey        Bool CODEC(ZSTD(1)) COMMENT 'Nothing was known: the node was lost, or every binding was stale',
    nodes       Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'Of the bindings',
    cause       LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Why it began',
    until_cause LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Why it ended',
    lost_by     LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'While not reachable: why the user no longer was',
    lost        Bool CODEC(ZSTD(1)) COMMENT 'Whether it ended with the user unreachable, who was reachable',
    came        Bool CODEC(ZSTD(1)) COMMENT 'Whether it began with the user reachable, who was not',
    INDEX by_since since TYPE minmax GRANULARITY 64,
    INDEX by_until until TYPE minmax GRANULARITY 64
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (aor, version)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Spans of closed days (read presence_days)';

-- agent and agent_version: the client's family and version, of a User-Agent as RFC 3261 §20.41 and phones
-- write it: NAME/VERSION, NAME VERSION, or a name alone.
CREATE OR REPLACE VIEW registrations AS
SELECT
    id, source, node, boot, seq, at, kind, aor, contact, contact_form, binding, remaining,
    table_read, table_at, replaces_call_id, call_id, cseq, expires_at, expired_due, transport,
    transport_claimed, remote_ip, remote_port, cookie, connection_gone, path, received_ip,
    received_port, registrar, user_agent,
    replaceRegexpOne(ifNull(user_agent, ''), '(?i)([ /_-]+r?v?[0-9]+\\.[0-9].*|[ /]+r?v?[0-9]+([ ;(].*)?$)', '') AS agent,
    coalesce(
        nullIf(extract(ifNull(user_agent, ''), '(?i)[ /_-]r?v?([0-9]+(?:\\.[0-9a-z]+)+)'), ''),
        extract(ifNull(user_agent, ''), '(?i)[ /]r?v?([0-9]+)(?:[ ;(].*)?$')
    ) AS agent_version,
    reason, status_code, snapshot, topic, partition, offset,
    published_at, stored_at
FROM registrations_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What registrars report of bindings; what only confirms a binding for a week';

CREATE TABLE IF NOT EXISTS online_by_minute_raw
(
    day           Date COMMENT 'UTC',
    minute        DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Empty: any node, so that a user with bindings on two counts once',
    domain        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Of the user',
    status        LowCardinality(String) CODEC(ZSTD(1)),
    reachable     Bool CODEC(ZSTD(1)),
    grey          Bool CODEC(ZSTD(1)) COMMENT 'Nothing was known',
    change        Int64 CODEC(ZSTD(1)) COMMENT 'Their sum from the start of the day on is how many there were'
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (node, minute, domain)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Changes of the number of users in a state, by minute, of closed days (read online_by_minute)';

CREATE TABLE IF NOT EXISTS losses_by_minute_raw
(
    day           Date COMMENT 'UTC',
    minute        DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Empty: any node, so that a user with bindings on two counts once',
    domain        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Of the user',
    cause         LowCardinality(String) CODEC(ZSTD(1)),
    losses        UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (node, cause, minute, domain)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1
COMMENT 'How often users became unreachable, by minute, of closed days (read losses_by_minute)';

CREATE TABLE IF NOT EXISTS changes_by_minute_raw
(
    day           Date COMMENT 'UTC',
    minute        DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Empty: any node, so that a user with bindings on two counts once',
    domain        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Of the user',
    status        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Of then on',
    cause         LowCardinality(String) CODEC(ZSTD(1)),
    changes       UInt64 CODEC(ZSTD(1)),
    came          UInt64 CODEC(ZSTD(1)) COMMENT 'Of users who were not reachable before'
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (node, cause, minute, domain)
TTL day + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Presence changes by minute, of closed days (read changes_by_minute)';

CREATE TABLE IF NOT EXISTS registrations_by_minute_raw
(
    day           Date COMMENT 'UTC',
    minute        DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    node          LowCardinality(String) CODEC(ZSTD(1)),
    kind          LowCardinality(String) CODEC(ZSTD(1)),
    events        UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(events)
PARTITION BY toYYYYMM(day)
ORDER BY (kind, minute, node)
TTL day + toIntervalDay(400)
COMMENT 'Registration events by minute, of closed hours (read registrations_by_minute)';

CREATE TABLE IF NOT EXISTS registrations_by_hour_raw
(
    day           Date COMMENT 'UTC',
    hour          DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    node          LowCardinality(String) CODEC(ZSTD(1)),
    domain        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Of the user',
    kind          LowCardinality(String) CODEC(ZSTD(1)),
    agent         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The family of the client',
    agent_version LowCardinality(String) CODEC(ZSTD(1)),
    events        UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(events)
PARTITION BY toYYYYMM(day)
ORDER BY (kind, hour, node, domain, agent, agent_version)
TTL day + toIntervalDay(400)
COMMENT 'Registration events by hour, of closed hours (read registrations_by_hour)';
