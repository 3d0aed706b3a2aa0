-- When the latest row of each hour of presence was stored: hours of the day that is open are derived
-- too, once they are closed. What a version before noted by day counts for the first hour of the day.

CREATE MATERIALIZED VIEW IF NOT EXISTS presence_to_hours TO stored_periods AS
SELECT 'presence_hours' AS what, toStartOfHour(at) AS period, max(stored_at) AS stored_at
FROM presence_history_raw
WHERE at >= '2000-01-01' AND at < '2100-01-01'
GROUP BY period;

DROP VIEW IF EXISTS presence_to_periods;
