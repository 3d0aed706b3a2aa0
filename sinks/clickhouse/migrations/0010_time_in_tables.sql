-- Time in the tables: partitions that retention drops whole, and when each record was published.
-- A row's partition is the day (or month) of its time, which every repeat of it has too, so repeats
-- meet in one partition. Retention counts from stored_at: the clock of a node may be wrong. Each table
-- is made anew beside the old one, takes its name, and the old rows are copied, a partition at a time.

CREATE TABLE IF NOT EXISTS registrations_new
(
    id            String CODEC(ZSTD(1)) COMMENT 'Event id: one row an id',
    source        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The run of the process of that node',
    seq           UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String) CODEC(ZSTD(1)),
    aor           String CODEC(ZSTD(1)) COMMENT 'The user; empty on marks that are about a whole node',
    contact       Nullable(String) CODEC(ZSTD(1)) COMMENT 'Contact URI as the registrar stores it',
    contact_form  LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'Where contact is no whole SIP URI: what it is instead',
    binding       Nullable(String) CODEC(ZSTD(1)) COMMENT 'Identity of the binding on its node',
    remaining     Array(String) CODEC(ZSTD(1)) COMMENT 'Bindings that the table of the registrar held; of none, see table_read',
    table_read    Bool CODEC(ZSTD(1)) COMMENT 'Whether that table was read',
    table_at      Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'When, where not at the event',
    replaces_call_id Bool CODEC(ZSTD(1)) COMMENT 'Other bindings of this Call-ID are gone',
    call_id       Nullable(String) CODEC(ZSTD(1)) COMMENT 'Call-ID of the REGISTER',
    cseq          Nullable(UInt32) CODEC(Delta(4), ZSTD(1)),
    expires_at    Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'When the registrar itself would drop the binding',
    expired_due   Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'expired only: the expiry the registrar had stored',
    transport     LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    transport_claimed Bool CODEC(ZSTD(1)) COMMENT 'The transport is the claim of the Contact: the kernel had no connection',
    remote_ip     Nullable(String) CODEC(ZSTD(1)) COMMENT 'The peer the REGISTER came from',
    remote_port   Nullable(UInt16) CODEC(ZSTD(1)),
    cookie        Nullable(UInt64) CODEC(ZSTD(1)) COMMENT 'Kernel socket cookie of its connection',
    connection_gone Bool CODEC(ZSTD(1)) COMMENT 'snapshot-row only: the kernel had no such connection',
    path          Nullable(String) CODEC(ZSTD(1)) COMMENT 'Path URIs of the REGISTER (RFC 3327): through which edge to send',
    received_ip   Nullable(String) CODEC(ZSTD(1)) COMMENT 'The client as that edge saw it',
    received_port Nullable(UInt16) CODEC(ZSTD(1)),
    registrar     LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'Profile or location table',
    user_agent    LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    reason        Nullable(String) CODEC(ZSTD(1)) COMMENT 'In the words of the source',
    status_code   Nullable(UInt16) CODEC(ZSTD(1)),
    snapshot      Nullable(String) CODEC(ZSTD(1)) COMMENT 'The listing a mark or row belongs to',
    topic         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition     UInt32 CODEC(ZSTD(1)),
    offset        UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at  Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY (toYYYYMMDD(at), kind IN ('refreshed', 'snapshot-row'))
ORDER BY (aor, at, id)
TTL toDateTime(stored_at) + toIntervalDay(if(kind IN ('refreshed', 'snapshot-row'), 7, 180))
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'What registrars report of bindings; what only confirms a binding for a week (as delivered: a repeat may stand here until a merge; read registrations)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'registrations_raw' AND partition_key = ''
RENAME TABLE registrations_raw TO registrations_old, registrations_new TO registrations_raw;

CREATE TABLE IF NOT EXISTS registrations_old AS registrations_raw;

-- for each: SELECT DISTINCT toYYYYMMDD(at) AS part FROM registrations_old ORDER BY part
INSERT INTO registrations_raw
(
    id, source, node, boot, seq, at, kind, aor, contact, contact_form, binding, remaining,
    table_read, table_at, replaces_call_id, call_id, cseq, expires_at, expired_due, transport,
    transport_claimed, remote_ip, remote_port, cookie, connection_gone, path, received_ip,
    received_port, registrar, user_agent, reason, status_code, snapshot, topic, partition, offset,
    stored_at
)
SELECT
    id, source, node, boot, seq, at, kind, aor, contact, contact_form, binding, remaining,
    table_read, table_at, replaces_call_id, call_id, cseq, expires_at, expired_due, transport,
    transport_claimed, remote_ip, remote_port, cookie, connection_gone, path, received_ip,
    received_port, registrar, user_agent, reason, status_code, snapshot, topic, partition, offset,
    stored_at
FROM registrations_old WHERE toYYYYMMDD(at) = {each};

DROP TABLE IF EXISTS registrations_old;

DROP TABLE IF EXISTS registrations_new;

CREATE OR REPLACE VIEW registrations AS
SELECT
    id, source, node, boot, seq, at, kind, aor, contact, contact_form, binding, remaining,
    table_read, table_at, replaces_call_id, call_id, cseq, expires_at, expired_due, transport,
    transport_claimed, remote_ip, remote_port, cookie, connection_gone, path, received_ip,
    received_port, registrar, user_agent, reason, status_code, snapshot, topic, partition, offset,
    published_at, stored_at
FROM registrations_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What registrars report of bindings; what only confirms a binding for a week';

CREATE TABLE IF NOT EXISTS connections_new
(
    id           String CODEC(ZSTD(1)) COMMENT 'Event id: one row an id',
    source       LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The SIP node the event is about',
    boot         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The run of the process of that node',
    seq          UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Source sequence within the boot',
    at           DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it happened, by the clock of the node',
    kind         LowCardinality(String) CODEC(ZSTD(1)),
    connection   String CODEC(ZSTD(1)) COMMENT 'NODE/IP:PORT of the peer',
    transport    LowCardinality(String) CODEC(ZSTD(1)),
    remote_ip    String CODEC(ZSTD(1)),
    remote_port  UInt16 CODEC(ZSTD(1)),
    local_ip     Nullable(String) CODEC(ZSTD(1)),
    local_port   Nullable(UInt16) CODEC(ZSTD(1)),
    cookie       Nullable(UInt64) CODEC(ZSTD(1)) COMMENT 'Kernel socket cookie: one incarnation of the connection',
    reason       Nullable(String) CODEC(ZSTD(1)) COMMENT 'In the words of the source',
    topic        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition    UInt32 CODEC(ZSTD(1)),
    offset       UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at    DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (connection, at, id)
TTL toDateTime(stored_at) + toIntervalDay(180)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'What happens to the connections clients register over (as delivered: a repeat may stand here until a merge; read connections)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'connections_raw' AND partition_key = ''
RENAME TABLE connections_raw TO connections_old, connections_new TO connections_raw;

CREATE TABLE IF NOT EXISTS connections_old AS connections_raw;

-- for each: SELECT DISTINCT toYYYYMMDD(at) AS part FROM connections_old ORDER BY part
INSERT INTO connections_raw
(
    id, source, node, boot, seq, at, kind, connection, transport, remote_ip, remote_port,
    local_ip, local_port, cookie, reason, topic, partition, offset, stored_at
)
SELECT
    id, source, node, boot, seq, at, kind, connection, transport, remote_ip, remote_port,
    local_ip, local_port, cookie, reason, topic, partition, offset, stored_at
FROM connections_old WHERE toYYYYMMDD(at) = {each};

DROP TABLE IF EXISTS connections_old;

DROP TABLE IF EXISTS connections_new;

CREATE OR REPLACE VIEW connections AS
SELECT
    id, source, node, boot, seq, at, kind, connection, transport, remote_ip, remote_port,
    local_ip, local_port, cookie, reason, topic, partition, offset, published_at, stored_at
FROM connections_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What happens to the connections clients register over';

CREATE TABLE IF NOT EXISTS calls_new
(
    id           String CODEC(ZSTD(1)) COMMENT 'Event id: one row an id',
    source       LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The SIP node the event is about',
    boot         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The run of the process of that node',
    seq          UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Source sequence within the boot',
    at           DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it happened, by the clock of the node',
    kind         LowCardinality(String) CODEC(ZSTD(1)),
    aor          String CODEC(ZSTD(1)) COMMENT 'The user of the leg; empty for trunks and applications',
    leg          Nullable(String) CODEC(ZSTD(1)) COMMENT 'Leg identity on its node',
    call         Nullable(String) CODEC(ZSTD(1)) COMMENT 'Identity of the whole call',
    sip_call_id  Nullable(String) CODEC(ZSTD(1)),
    direction    LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'outgoing: the user called',
    peer         Nullable(String) CODEC(ZSTD(1)) COMMENT 'The other party as the source names it',
    other_leg    Nullable(String) CODEC(ZSTD(1)),
    state        LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'snapshot-row only',
    cause        LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'ended: the hangup cause of the server',
    status_code  Nullable(UInt16) CODEC(ZSTD(1)),
    digit        Nullable(String) CODEC(ZSTD(1)) TTL toDateTime(stored_at) + INTERVAL 1 DAY COMMENT 'dtmf only, where it is published in clear; for a day',
    duration_ms  Nullable(UInt64) CODEC(ZSTD(1)),
    snapshot     Nullable(String) CODEC(ZSTD(1)) COMMENT 'The listing a mark or row belongs to',
    topic        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition    UInt32 CODEC(ZSTD(1)),
    offset       UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at    DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_call call TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (aor, at, id)
TTL toDateTime(stored_at) + toIntervalDay(180)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What happens to the legs of calls (as delivered: a repeat may stand here until a merge; read calls)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'calls_raw' AND partition_key = ''
RENAME TABLE calls_raw TO calls_old, calls_new TO calls_raw;

CREATE TABLE IF NOT EXISTS calls_old AS calls_raw;

-- for each: SELECT DISTINCT toYYYYMMDD(at) AS part FROM calls_old ORDER BY part
INSERT INTO calls_raw
(
    id, source, node, boot, seq, at, kind, aor, leg, call, sip_call_id, direction, peer,
    other_leg, state, cause, status_code, digit, duration_ms, snapshot, topic, partition, offset,
    stored_at
)
SELECT
    id, source, node, boot, seq, at, kind, aor, leg, call, sip_call_id, direction, peer,
    other_leg, state, cause, status_code, digit, duration_ms, snapshot, topic, partition, offset,
    stored_at
FROM calls_old WHERE toYYYYMMDD(at) = {each};

DROP TABLE IF EXISTS calls_old;

DROP TABLE IF EXISTS calls_new;

CREATE OR REPLACE VIEW calls AS
SELECT
    id, source, node, boot, seq, at, kind, aor, leg, call, sip_call_id, direction, peer,
    other_leg, state, cause, status_code, digit, duration_ms, snapshot, topic, partition, offset,
    published_at, stored_at
FROM calls_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What happens to the legs of calls';

CREATE TABLE IF NOT EXISTS nodes_new
(
    id            String CODEC(ZSTD(1)) COMMENT 'Event id: one row an id',
    source        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The run of the process of that node',
    seq           UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String) CODEC(ZSTD(1)),
    version       LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'Of the server software',
    uptime_seconds Nullable(Float64) CODEC(ZSTD(1)),
    reason        Nullable(String) CODEC(ZSTD(1)) COMMENT 'Why it is down, or what was lost',
    topic         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition     UInt32 CODEC(ZSTD(1)),
    offset        UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at  Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY (toYYYYMMDD(at), kind = 'heartbeat')
ORDER BY (node, at, id)
TTL toDateTime(stored_at) + toIntervalDay(if(kind = 'heartbeat', 1, 180))
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'Turning points of SIP nodes; heartbeats for one day (as delivered: a repeat may stand here until a merge; read nodes)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'nodes_raw' AND partition_key = ''
RENAME TABLE nodes_raw TO nodes_old, nodes_new TO nodes_raw;

CREATE TABLE IF NOT EXISTS nodes_old AS nodes_raw;

-- for each: SELECT DISTINCT toYYYYMMDD(at) AS part FROM nodes_old ORDER BY part
INSERT INTO nodes_raw
(
    id, source, node, boot, seq, at, kind, version, uptime_seconds, reason, topic, partition,
    offset, stored_at
)
SELECT
    id, source, node, boot, seq, at, kind, version, uptime_seconds, reason, topic, partition,
    offset, stored_at
FROM nodes_old WHERE toYYYYMMDD(at) = {each};

DROP TABLE IF EXISTS nodes_old;

DROP TABLE IF EXISTS nodes_new;

CREATE OR REPLACE VIEW nodes AS
SELECT
    id, source, node, boot, seq, at, kind, version, uptime_seconds, reason, topic, partition,
    offset, published_at, stored_at
FROM nodes_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Turning points of SIP nodes; heartbeats for one day';

CREATE TABLE IF NOT EXISTS media_new
(
    id            String CODEC(ZSTD(1)) COMMENT 'Event id: one row an id',
    source        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The run of the process of that node',
    seq           UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it was measured or happened, by the clock of the node',
    kind          LowCardinality(String) CODEC(ZSTD(1)),
    call_id       String CODEC(ZSTD(1)) COMMENT 'SIP Call-ID: calls.sip_call_id',
    tags          Array(String) CODEC(ZSTD(1)) COMMENT 'SIP tags of the parties',
    streams       Array(Tuple(
        tag String, `index` UInt32, type LowCardinality(String), codec LowCardinality(Nullable(String)),
        ssrc Nullable(UInt32), packets UInt64, bytes UInt64, errors UInt64,
        last_packet_at Nullable(DateTime64(6, 'UTC')), heard_lost Nullable(UInt64),
        heard_loss_percent Nullable(Float64), heard_jitter_ms Nullable(Float64),
        heard_mos Nullable(Float64), heard_mos_lowest Nullable(Float64),
        round_trip_ms Nullable(Float64), heard_reports Nullable(UInt64))) CODEC(ZSTD(1)) COMMENT 'One a party and medium: packets came from it, heard_* is how it hears the other side',
    created_at    Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'When the media proxy learned of the call',
    last_packet_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'The latest from any party, to the second',
    reason        LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'ended, timed-out: which reason of the media proxy',
    tag           Nullable(String) CODEC(ZSTD(1)) COMMENT 'dtmf: of the party that pressed it',
    digit         Nullable(String) CODEC(ZSTD(1)) TTL toDateTime(stored_at) + INTERVAL 1 DAY COMMENT 'dtmf only, where it is published in clear; for a day',
    duration_ms   Nullable(UInt64) CODEC(ZSTD(1)) COMMENT 'dtmf only',
    topic         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition     UInt32 CODEC(ZSTD(1)),
    offset        UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at  Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY (toYYYYMMDD(at), kind = 'quality')
ORDER BY (call_id, at, id)
TTL toDateTime(stored_at) + toIntervalDay(if(kind = 'quality', 30, 180))
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Media of calls; quality while they live for 30 days (as delivered: a repeat may stand here until a merge; read media)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'media_raw' AND partition_key = ''
RENAME TABLE media_raw TO media_old, media_new TO media_raw;

CREATE TABLE IF NOT EXISTS media_old AS media_raw;

-- for each: SELECT DISTINCT toYYYYMMDD(at) AS part FROM media_old ORDER BY part
INSERT INTO media_raw
(
    id, source, node, boot, seq, at, kind, call_id, tags, streams, created_at, last_packet_at,
    reason, tag, digit, duration_ms, topic, partition, offset, stored_at
)
SELECT
    id, source, node, boot, seq, at, kind, call_id, tags, streams, created_at, last_packet_at,
    reason, tag, digit, duration_ms, topic, partition, offset, stored_at
FROM media_old WHERE toYYYYMMDD(at) = {each};

DROP TABLE IF EXISTS media_old;

DROP TABLE IF EXISTS media_new;

CREATE OR REPLACE VIEW media AS
SELECT
    id, source, node, boot, seq, at, kind, call_id, tags, streams, created_at, last_packet_at,
    reason, tag, digit, duration_ms, topic, partition, offset, published_at, stored_at
FROM media_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Media of calls; quality while they live for 30 days';

CREATE TABLE IF NOT EXISTS speech_new
(
    id            String CODEC(ZSTD(1)) COMMENT 'Event id: one row an id',
    source        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'The run of the process of that node',
    seq           UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String) CODEC(ZSTD(1)),
    session       String CODEC(ZSTD(1)) COMMENT 'Identity of the session',
    resource      LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'recogniser or synthesiser',
    aor           String CODEC(ZSTD(1)) COMMENT 'The user of the leg; empty for trunks and applications',
    leg           String CODEC(ZSTD(1)) COMMENT 'calls.leg',
    call          Nullable(String) CODEC(ZSTD(1)) COMMENT 'calls.call',
    engine        LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'The module of the server',
    server        LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'MRCP profile',
    started_at    DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    input_started_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'When the caller was heard to speak',
    result_at     Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'When the latest result came',
    results       UInt32 CODEC(ZSTD(1)),
    ended_at      Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    cause         LowCardinality(Nullable(String)) CODEC(ZSTD(1)) COMMENT 'Completion cause (RFC 6787), or why it ended without a result',
    latency       Nullable(Float64) CODEC(ZSTD(1)) COMMENT 'Seconds from the start of input to the latest result',
    text          Nullable(String) CODEC(ZSTD(1)) TTL toDateTime(stored_at) + INTERVAL 1 DAY COMMENT 'The latest result, where it is published; for a day',
    topic         LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition     UInt32 CODEC(ZSTD(1)),
    offset        UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at  Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (aor, at, id)
TTL toDateTime(stored_at) + toIntervalDay(180)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Recognisers and synthesisers in calls; a row with kind ended is a whole session (as delivered: a repeat may stand here until a merge; read speech)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'speech_raw' AND partition_key = ''
RENAME TABLE speech_raw TO speech_old, speech_new TO speech_raw;

CREATE TABLE IF NOT EXISTS speech_old AS speech_raw;

-- for each: SELECT DISTINCT toYYYYMM(at) AS part FROM speech_old ORDER BY part
INSERT INTO speech_raw
(
    id, source, node, boot, seq, at, kind, session, resource, aor, leg, call, engine, server,
    started_at, input_started_at, result_at, results, ended_at, cause, latency, text, topic,
    partition, offset, stored_at
)
SELECT
    id, source, node, boot, seq, at, kind, session, resource, aor, leg, call, engine, server,
    started_at, input_started_at, result_at, results, ended_at, cause, latency, text, topic,
    partition, offset, stored_at
FROM speech_old WHERE toYYYYMM(at) = {each};

DROP TABLE IF EXISTS speech_old;

DROP TABLE IF EXISTS speech_new;

CREATE OR REPLACE VIEW speech AS
SELECT
    id, source, node, boot, seq, at, kind, session, resource, aor, leg, call, engine, server,
    started_at, input_started_at, result_at, results, ended_at, cause, latency, text, topic,
    partition, offset, published_at, stored_at
FROM speech_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Recognisers and synthesisers in calls; a row with kind ended is a whole session';

ALTER TABLE presence_raw
    ADD COLUMN IF NOT EXISTS published_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it' AFTER offset;

CREATE OR REPLACE VIEW presence AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, published_at, stored_at
FROM presence_raw FINAL
COMMENT 'The present state of each user: one row a user, the highest version';

CREATE TABLE IF NOT EXISTS presence_history_new
(
    aor          String CODEC(ZSTD(1)) COMMENT 'The user',
    version      UInt64 CODEC(Delta(8), ZSTD(1)) COMMENT 'Only grows, per user; with aor the identity of the row',
    status       LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'For people: offline, online, ringing, on-the-phone, held',
    reachable    Bool CODEC(ZSTD(1)) COMMENT 'For routing',
    cause        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Why this change came',
    at           DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When the cause happened, by the clock of its node',
    bindings     Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent LowCardinality(Nullable(String)),
        since DateTime64(6, 'UTC'), edge LowCardinality(Nullable(String)), path Nullable(String),
        suspect Bool, stale Bool, contact_form LowCardinality(Nullable(String)))) CODEC(ZSTD(1)) COMMENT 'Live ones, oldest first',
    calls        Array(Tuple(
        node LowCardinality(String), leg String, call String, sip_call_id Nullable(String),
        direction LowCardinality(Nullable(String)), peer Nullable(String),
        state LowCardinality(String), since DateTime64(6, 'UTC'), media_lost Bool)) CODEC(ZSTD(1)) COMMENT 'From ringing on',
    evidence     Array(String) CODEC(ZSTD(1)) COMMENT 'Ids of the events that prove it',
    topic        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition    UInt32 CODEC(ZSTD(1)),
    offset       UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at    DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (aor, version)
TTL toDateTime(stored_at) + toIntervalDay(400)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'Every presence change: one row a user and version (as delivered: a repeat may stand here until a merge; read presence_history)';

-- It would go with the old table, whose name it has: made anew before the old rows are copied.
DROP VIEW IF EXISTS presence_to_current;

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'presence_history_raw' AND partition_key = ''
RENAME TABLE presence_history_raw TO presence_history_old, presence_history_new TO presence_history_raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS presence_to_current TO presence_raw AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition, offset,
    published_at, stored_at
FROM presence_history_raw;

CREATE TABLE IF NOT EXISTS presence_history_old AS presence_history_raw;

-- for each: SELECT DISTINCT toYYYYMMDD(at) AS part FROM presence_history_old ORDER BY part
INSERT INTO presence_history_raw
(
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, stored_at
)
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, stored_at
FROM presence_history_old WHERE toYYYYMMDD(at) = {each};

-- What another sink stored while there was no view.
INSERT INTO presence_raw
(
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, published_at, stored_at
)
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, published_at, stored_at
FROM presence_history_raw WHERE stored_at > now64(3) - INTERVAL 1 HOUR;

DROP TABLE IF EXISTS presence_history_old;

DROP TABLE IF EXISTS presence_history_new;

CREATE OR REPLACE VIEW presence_history AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, published_at, stored_at
FROM presence_history_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Every presence change: one row a user and version';

CREATE TABLE IF NOT EXISTS dead_letters_new
(
    id           String CODEC(ZSTD(1)) COMMENT 'CloudEvents id of the letter, else where it was read',
    at           DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'When it was found unusable',
    source       String CODEC(ZSTD(1)) COMMENT 'Origin: freeswitch/NODE, or topic/partition/offset',
    reason       String CODEC(ZSTD(1)),
    field        Nullable(String) CODEC(ZSTD(1)) COMMENT 'The first field at fault',
    payload      String CODEC(ZSTD(1)) COMMENT 'The bytes, base64, cut at 64 KiB',
    size         UInt64 CODEC(ZSTD(1)) COMMENT 'Of the whole payload, in bytes',
    topic        LowCardinality(String) CODEC(ZSTD(1)) COMMENT 'Kafka topic the row was read from',
    partition    UInt32 CODEC(ZSTD(1)),
    offset       UInt64 CODEC(Delta(8), ZSTD(1)),
    published_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) COMMENT 'Timestamp of the record in Kafka: when it was published; null where a version before stored it',
    stored_at    DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) COMMENT 'By the clock of ClickHouse; retention counts from here'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (source, id)
TTL toDateTime(stored_at) + toIntervalDay(90)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1
COMMENT 'Input that could not be used (as delivered: a repeat may stand here until a merge; read dead_letters)';

-- for each: SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'dead_letters_raw' AND partition_key = ''
RENAME TABLE dead_letters_raw TO dead_letters_old, dead_letters_new TO dead_letters_raw;

CREATE TABLE IF NOT EXISTS dead_letters_old AS dead_letters_raw;

-- for each: SELECT DISTINCT toYYYYMM(at) AS part FROM dead_letters_old ORDER BY part
INSERT INTO dead_letters_raw
(
    id, at, source, reason, field, payload, size, topic, partition, offset, stored_at
)
SELECT
    id, at, source, reason, field, payload, size, topic, partition, offset, stored_at
FROM dead_letters_old WHERE toYYYYMM(at) = {each};

DROP TABLE IF EXISTS dead_letters_old;

DROP TABLE IF EXISTS dead_letters_new;

CREATE OR REPLACE VIEW dead_letters AS
SELECT
    id, at, source, reason, field, tryBase64Decode(payload) AS text, payload, size, topic,
    partition, offset, published_at, stored_at
FROM dead_letters_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Input that could not be used; text is the payload decoded';
