-- What happened: one row an event, whatever was delivered how often.
-- The identity of a row is its sorting key, which ends in the event id; a repeat of an event is
-- equal in all of it. Views with FINAL hide repeats that no merge has removed yet.

CREATE TABLE IF NOT EXISTS registrations_raw
(
    id            String COMMENT 'Event id: one row an id',
    source        LowCardinality(String) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) COMMENT 'The run of the process of that node',
    seq           UInt64 COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String),
    aor           String COMMENT 'The user; empty on marks that are about a whole node',
    contact       Nullable(String) COMMENT 'Contact URI as the registrar stores it',
    binding       Nullable(String) COMMENT 'Identity of the binding on its node',
    call_id       Nullable(String) COMMENT 'Call-ID of the REGISTER',
    cseq          Nullable(UInt32),
    expires_at    Nullable(DateTime64(6, 'UTC')) COMMENT 'When the registrar itself would drop the binding',
    expired_due   Nullable(DateTime64(6, 'UTC')) COMMENT 'expired only: the expiry the registrar had stored',
    transport     LowCardinality(Nullable(String)),
    remote_ip     Nullable(String) COMMENT 'The peer the REGISTER came from',
    remote_port   Nullable(UInt16),
    cookie        Nullable(UInt64) COMMENT 'Kernel socket cookie of its connection',
    registrar     LowCardinality(Nullable(String)) COMMENT 'Profile or location table',
    user_agent    LowCardinality(Nullable(String)),
    reason        Nullable(String) COMMENT 'In the words of the source',
    status_code   Nullable(UInt16),
    snapshot      Nullable(String) COMMENT 'The listing a mark or row belongs to',
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
COMMENT 'What registrars say of bindings (as delivered: a repeat may stand here until a merge; read registrations)';

CREATE OR REPLACE VIEW registrations AS
SELECT
    id, source, node, boot, seq, at, kind, aor, contact, binding, call_id, cseq, expires_at,
    expired_due, transport, remote_ip, remote_port, cookie, registrar, user_agent, reason,
    status_code, snapshot, topic, partition, offset, stored_at
FROM registrations_raw FINAL
COMMENT 'What registrars say of bindings';

CREATE TABLE IF NOT EXISTS connections_raw
(
    id            String COMMENT 'Event id: one row an id',
    source        LowCardinality(String) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) COMMENT 'The run of the process of that node',
    seq           UInt64 COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String),
    connection    String COMMENT 'NODE/IP:PORT of the peer',
    transport     LowCardinality(String),
    remote_ip     String,
    remote_port   UInt16,
    local_ip      Nullable(String),
    local_port    Nullable(UInt16),
    cookie        Nullable(UInt64) COMMENT 'Kernel socket cookie: one incarnation of the connection',
    reason        Nullable(String) COMMENT 'In the words of the source',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (connection, at, id)
TTL toDateTime(stored_at) + INTERVAL 180 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What happens to the connections clients register over (as delivered: a repeat may stand here until a merge; read connections)';

CREATE OR REPLACE VIEW connections AS
SELECT
    id, source, node, boot, seq, at, kind, connection, transport, remote_ip, remote_port,
    local_ip, local_port, cookie, reason, topic, partition, offset, stored_at
FROM connections_raw FINAL
COMMENT 'What happens to the connections clients register over';

CREATE TABLE IF NOT EXISTS calls_raw
(
    id            String COMMENT 'Event id: one row an id',
    source        LowCardinality(String) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) COMMENT 'The run of the process of that node',
    seq           UInt64 COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String),
    aor           String COMMENT 'The user of the leg; empty for trunks and applications',
    leg           Nullable(String) COMMENT 'Leg identity on its node',
    call          Nullable(String) COMMENT 'Identity of the whole call',
    sip_call_id   Nullable(String),
    direction     LowCardinality(Nullable(String)) COMMENT 'outgoing: the user called',
    peer          Nullable(String) COMMENT 'The other party as the source names it',
    other_leg     Nullable(String),
    state         LowCardinality(Nullable(String)) COMMENT 'snapshot-row only',
    cause         LowCardinality(Nullable(String)) COMMENT 'ended: the hangup cause of the server',
    status_code   Nullable(UInt16),
    digit         Nullable(String) COMMENT 'dtmf only',
    duration_ms   Nullable(UInt64),
    snapshot      Nullable(String) COMMENT 'The listing a mark or row belongs to',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time at TYPE minmax GRANULARITY 1,
    INDEX by_call call TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
ORDER BY (aor, at, id)
TTL toDateTime(stored_at) + INTERVAL 180 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What happens to the legs of calls (as delivered: a repeat may stand here until a merge; read calls)';

CREATE OR REPLACE VIEW calls AS
SELECT
    id, source, node, boot, seq, at, kind, aor, leg, call, sip_call_id, direction, peer,
    other_leg, state, cause, status_code, digit, duration_ms, snapshot, topic, partition, offset,
    stored_at
FROM calls_raw FINAL
COMMENT 'What happens to the legs of calls';

CREATE TABLE IF NOT EXISTS nodes_raw
(
    id            String COMMENT 'Event id: one row an id',
    source        LowCardinality(String) COMMENT 'What observed it: freeswitch, opensips, sockets, ...',
    node          LowCardinality(String) COMMENT 'The SIP node the event is about',
    boot          LowCardinality(String) COMMENT 'The run of the process of that node',
    seq           UInt64 COMMENT 'Source sequence within the boot',
    at            DateTime64(6, 'UTC') COMMENT 'When it happened, by the clock of the node',
    kind          LowCardinality(String),
    version       LowCardinality(Nullable(String)) COMMENT 'Of the server software',
    uptime_seconds Nullable(Float64),
    reason        Nullable(String) COMMENT 'Why it is down, or what was lost',
    topic         LowCardinality(String) COMMENT 'Kafka topic the row was read from',
    partition     UInt32,
    offset        UInt64,
    stored_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'By the clock of ClickHouse; retention counts from here',
    INDEX by_time at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (node, at, id)
TTL toDateTime(stored_at) + INTERVAL 180 DAY,
    toDateTime(stored_at) + INTERVAL 1 DAY DELETE WHERE kind = 'heartbeat'
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Turning points of SIP nodes; heartbeats for one day (as delivered: a repeat may stand here until a merge; read nodes)';

CREATE OR REPLACE VIEW nodes AS
SELECT
    id, source, node, boot, seq, at, kind, version, uptime_seconds, reason, topic, partition,
    offset, stored_at
FROM nodes_raw FINAL
COMMENT 'Turning points of SIP nodes; heartbeats for one day';
