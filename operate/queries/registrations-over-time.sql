-- How many registrations and refreshes came, hour by hour?
-- Whole hours; counted for as long as presence is kept, also where the refreshes themselves no longer are.
-- Plot: refreshed by hour.
SELECT
    hour, sumIf(events, kind = 'registered') AS registered,
    sumIf(events, kind = 'refreshed') AS refreshed,
    sumIf(events, kind IN ('unregistered', 'expired')) AS ended, sumIf(events, kind = 'refused') AS refused
FROM registrations_by_hour
WHERE hour >= toStartOfHour({from:DateTime64(6, 'UTC')}) AND hour < {to:DateTime64(6, 'UTC')} AND ({node:String} = '' OR node = {node:String}) AND ({domain:String} = '' OR domain = {domain:String})
GROUP BY hour
ORDER BY hour
