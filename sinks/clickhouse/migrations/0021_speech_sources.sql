-- Speech sessions of two sources: what an MRCP server logged, and what the switch reported of it.

ALTER TABLE speech_raw
    ADD COLUMN IF NOT EXISTS channel Nullable(String) CODEC(ZSTD(1)) COMMENT 'MRCP channel, where the source sees it' AFTER leg;

CREATE OR REPLACE VIEW speech AS
SELECT
    id, source, node, boot, seq, at, kind, session, resource, aor, leg, channel, call, engine,
    server, started_at, input_started_at, result_at, results, ended_at, cause, latency, text, topic,
    partition, offset, published_at, stored_at
FROM speech_raw FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Recognisers and synthesisers in calls; a row with kind ended is a whole session of one source';

-- The same join as that of the call records (calls/fold/speech_sources.py): a request belongs to the
-- latest session of its leg and resource that had begun, and not ended, two seconds' clocks apart.
CREATE OR REPLACE VIEW speech_sessions AS
WITH
    uses AS (SELECT * FROM speech WHERE kind = 'ended' AND source != 'mrcp'),
    placed AS
    (
        SELECT
            requests.*,
            if(begun.session != '' AND requests.started_at <= begun.ended_at + INTERVAL 2 SECOND, begun.session, '') AS use
        FROM
        (
            SELECT *, started_at + INTERVAL 2 SECOND AS by
            FROM speech WHERE kind = 'ended' AND source = 'mrcp'
        ) AS requests
        ASOF LEFT JOIN
        (
            SELECT session, leg, resource, started_at AS began, ended_at FROM uses
        ) AS begun
        ON requests.leg = begun.leg AND requests.resource = begun.resource AND requests.by >= begun.began
    ),
    logged AS
    (
        SELECT
            use, count() AS requests, countIf(results > 0) AS completed,
            argMaxIf(input_started_at, started_at, results > 0) AS last_input,
            argMaxIf(result_at, started_at, results > 0) AS last_result,
            argMaxIf(cause, started_at, results > 0) AS last_cause,
            argMaxIf(latency, started_at, results > 0) AS last_latency
        FROM placed WHERE use != '' GROUP BY use
    )
SELECT
    uses.session AS session, uses.source AS source, uses.node AS node, uses.at AS at,
    uses.resource AS resource, uses.aor AS aor, uses.leg AS leg, uses.call AS call,
    uses.engine AS engine, uses.server AS server, uses.started_at AS started_at,
    coalesce(uses.input_started_at, logged.last_input) AS input_started_at,
    coalesce(uses.result_at, logged.last_result) AS result_at,
    greatest(uses.results, logged.completed) AS results, uses.ended_at AS ended_at,
    if(uses.results = 0 AND logged.completed > 0, logged.last_cause, uses.cause) AS cause,
    coalesce(logged.last_latency, uses.latency) AS latency, logged.requests AS requests
FROM uses LEFT JOIN logged ON logged.use = uses.session
UNION ALL
SELECT
    session, source, node, at, resource, aor, leg, call, engine, server, started_at,
    input_started_at, result_at, results, ended_at, cause, latency, 1 AS requests
FROM placed WHERE use = ''
COMMENT 'Recognisers and synthesisers in calls: one row a session that has ended, whether the switch, the MRCP server or both reported it';
