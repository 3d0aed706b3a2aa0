-- Quarters of an hour in place of hours: less of the open day is left to compute for a question.

CREATE MATERIALIZED VIEW IF NOT EXISTS presence_to_quarters TO stored_periods AS
SELECT 'presence_quarters' AS what, toStartOfFifteenMinutes(at) AS period, max(stored_at) AS stored_at
FROM presence_history_raw
WHERE at >= '2000-01-01' AND at < '2100-01-01'
GROUP BY period;

DROP VIEW IF EXISTS presence_to_hours;
