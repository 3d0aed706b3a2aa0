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
