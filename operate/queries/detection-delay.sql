-- How long did a change take from when it happened until it was published?
-- Milliseconds, by cause: total from the node's clock to Kafka's time of the presence record; to_kafka until the event was published, in_streams from then on.
WITH
    changes AS (
        SELECT cause, at, published_at, evidence[1] AS id
        FROM presence_history
        WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND published_at IS NOT NULL AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
    ),
    events AS (
        SELECT id, node, published_at AS event_at FROM registrations
        WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND at < {to:DateTime64(6, 'UTC')} AND id IN (SELECT id FROM changes)
        UNION ALL
        SELECT id, node, published_at AS event_at FROM connections
        WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND at < {to:DateTime64(6, 'UTC')} AND id IN (SELECT id FROM changes)
        UNION ALL
        SELECT id, node, published_at AS event_at FROM calls
        WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND at < {to:DateTime64(6, 'UTC')} AND id IN (SELECT id FROM changes)
        UNION ALL
        SELECT id, node, published_at AS event_at FROM nodes
        WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND at < {to:DateTime64(6, 'UTC')} AND id IN (SELECT id FROM changes)
    )
SELECT
    changes.cause AS cause, count() AS changes,
    round(quantileExact(0.5)(date_diff('ms', changes.at, changes.published_at))) AS total_p50,
    round(quantileExact(0.99)(date_diff('ms', changes.at, changes.published_at))) AS total_p99,
    round(quantileExact(0.5)(date_diff('ms', changes.at, events.event_at))) AS to_kafka_p50,
    round(quantileExact(0.5)(date_diff('ms', events.event_at, changes.published_at))) AS in_streams_p50,
    round(quantileExact(0.99)(date_diff('ms', events.event_at, changes.published_at))) AS in_streams_p99
FROM changes LEFT JOIN events ON changes.id = events.id
WHERE {node:String} = '' OR events.node = {node:String}
GROUP BY cause
ORDER BY changes DESC, cause
