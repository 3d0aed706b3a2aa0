-- What a registrar's own table held at an event, and what the kernel knew of the connection.

ALTER TABLE registrations_raw
    ADD COLUMN IF NOT EXISTS contact_form LowCardinality(Nullable(String)) COMMENT 'Where contact is no whole SIP URI: what it is instead' AFTER contact,
    ADD COLUMN IF NOT EXISTS remaining Array(String) COMMENT 'Bindings that the table of the registrar held; of none, see table_read' AFTER binding,
    ADD COLUMN IF NOT EXISTS table_read Bool COMMENT 'Whether that table was read' AFTER remaining,
    ADD COLUMN IF NOT EXISTS table_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When, where not at the event' AFTER table_read,
    ADD COLUMN IF NOT EXISTS replaces_call_id Bool COMMENT 'Other bindings of this Call-ID are gone' AFTER table_at,
    ADD COLUMN IF NOT EXISTS transport_claimed Bool COMMENT 'The transport is the claim of the Contact: the kernel had no connection' AFTER transport,
    ADD COLUMN IF NOT EXISTS connection_gone Bool COMMENT 'snapshot-row only: the kernel had no such connection' AFTER cookie;

CREATE OR REPLACE VIEW registrations AS
SELECT
    id, source, node, boot, seq, at, kind, aor, contact, contact_form, binding, remaining,
    table_read, table_at, replaces_call_id, call_id, cseq, expires_at, expired_due, transport,
    transport_claimed, remote_ip, remote_port, cookie, connection_gone, path, received_ip,
    received_port, registrar, user_agent, reason, status_code, snapshot, topic, partition, offset,
    stored_at
FROM registrations_raw FINAL
COMMENT 'What registrars say of bindings';

ALTER TABLE presence_history_raw
    MODIFY COLUMN bindings Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent Nullable(String),
        since DateTime64(6, 'UTC'), edge LowCardinality(Nullable(String)), path Nullable(String),
        suspect Bool, stale Bool, contact_form LowCardinality(Nullable(String))))
        COMMENT 'Live ones, oldest first';

ALTER TABLE presence_raw
    MODIFY COLUMN bindings Array(Tuple(
        node LowCardinality(String), contact String, transport LowCardinality(Nullable(String)),
        remote_ip Nullable(String), remote_port Nullable(UInt16),
        registrar LowCardinality(Nullable(String)), user_agent Nullable(String),
        since DateTime64(6, 'UTC'), edge LowCardinality(Nullable(String)), path Nullable(String),
        suspect Bool, stale Bool, contact_form LowCardinality(Nullable(String))))
        COMMENT 'Live ones, oldest first';

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
