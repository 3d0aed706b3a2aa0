-- Registrations behind an edge: the way back to it, and the client as the edge saw it.

ALTER TABLE registrations_raw
    ADD COLUMN IF NOT EXISTS path Nullable(String) COMMENT 'Path URIs of the REGISTER (RFC 3327): through which edge to send' AFTER cookie,
    ADD COLUMN IF NOT EXISTS received_ip Nullable(String) COMMENT 'The client as that edge saw it' AFTER path,
    ADD COLUMN IF NOT EXISTS received_port Nullable(UInt16) AFTER received_ip;

CREATE OR REPLACE VIEW registrations AS
SELECT
    id, source, node, boot, seq, at, kind, aor, contact, binding, call_id, cseq, expires_at,
    expired_due, transport, remote_ip, remote_port, cookie, path, received_ip, received_port,
    registrar, user_agent, reason, status_code, snapshot, topic, partition, offset, stored_at
FROM registrations_raw FINAL
COMMENT 'What registrars say of bindings';

ALTER TABLE presence_history_raw
    MODIFY COLUMN calls Array(Tuple(
        node LowCardinality(String), leg String, call String, sip_call_id Nullable(String),
        direction LowCardinality(Nullable(String)), peer Nullable(String),
        state LowCardinality(String), since DateTime64(6, 'UTC'), media_lost Bool))
        COMMENT 'From ringing on',
    MODIFY COLUMN bindings Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent Nullable(String),
        since DateTime64(6, 'UTC'), edge LowCardinality(Nullable(String)), path Nullable(String),
        suspect Bool, stale Bool)) COMMENT 'Live ones, oldest first';

ALTER TABLE presence_raw
    MODIFY COLUMN calls Array(Tuple(
        node LowCardinality(String), leg String, call String, sip_call_id Nullable(String),
        direction LowCardinality(Nullable(String)), peer Nullable(String),
        state LowCardinality(String), since DateTime64(6, 'UTC'), media_lost Bool))
        COMMENT 'From ringing on',
    MODIFY COLUMN bindings Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent Nullable(String),
        since DateTime64(6, 'UTC'), edge LowCardinality(Nullable(String)), path Nullable(String),
        suspect Bool, stale Bool)) COMMENT 'Live ones, oldest first';

CREATE OR REPLACE VIEW presence_history AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, stored_at
FROM presence_history_raw FINAL
COMMENT 'Every presence change: one row a user and version';

CREATE OR REPLACE VIEW presence AS
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition,
    offset, stored_at
FROM presence_raw FINAL
COMMENT 'The present state of each user: one row a user, the highest version';

ALTER TABLE presence_to_current MODIFY QUERY
SELECT
    aor, version, status, reachable, cause, at, bindings, calls, evidence, topic, partition, offset,
    stored_at
FROM presence_history_raw;
