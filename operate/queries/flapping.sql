-- Which users keep losing and regaining their registration?
-- losses: a device that restarts with several contacts counts once; three losses or more.
SELECT
    aor, count() AS losses, topK(1)(until_cause)[1] AS most_often, max(until) AS last
FROM presence_spans
WHERE lost AND until >= {from:DateTime64(6, 'UTC')} AND until < {to:DateTime64(6, 'UTC')} AND ({domain:String} = '' OR splitByChar('@', aor)[-1] = {domain:String}) AND ({aor:String} = '' OR aor = {aor:String})
GROUP BY aor
HAVING losses >= 3
ORDER BY losses DESC, aor
