"""Named questions as a dashboard asks them: their parameters become Grafana's (pure).

Used of Grafana's ClickHouse data source: `$__fromTime_ms`, `$__toTime_ms`, `$__interval_s`. They
have the time zone of the server, so times are made UTC.
"""

from operate.queries.catalogue import find

FROM = "toDateTime64($__fromTime_ms, 6, 'UTC')"
TO = "toDateTime64($__toTime_ms, 6, 'UTC')"
# The quotes are Grafana's.
NODE, DOMAIN, AOR = "${node:sqlstring}", "${domain:sqlstring}", "${aor:sqlstring}"
_MEANT = {
    "{from:DateTime64(6, 'UTC')}": FROM,
    "{to:DateTime64(6, 'UTC')}": TO,
    "{at:DateTime64(6, 'UTC')}": TO,
    "{node:String}": NODE,
    "{domain:String}": DOMAIN,
    "{aor:String}": AOR,
}


def of_question(name: str) -> str:
    """The SQL of a named question. Raises UnknownQuery."""
    sql = find(name).sql
    for parameter, meant in _MEANT.items():
        sql = sql.replace(parameter, meant)
    return sql


def steps(column: str) -> str:
    """A time rounded down to the width of a point."""
    return f"toStartOfInterval({column}, INTERVAL $__interval_s second)"


def online_by(label: str, condition: str = "1") -> str:
    """How many users there were at each point in time, by `label`, of those that `condition` meets.

    Made of the changes by minute: each number stands from its minute on until the next one of its
    day and label, or midnight; of the open day's, and what follows it, to the end.
    """
    return f"""WITH
    toUnixTimestamp({FROM}) AS range_from, toUnixTimestamp({TO}) AS range_to,
    (SELECT day FROM presence_open) AS open_day
SELECT
    toDateTime(arrayJoin(range(
        toUInt32(ceil(greatest(begins, range_from) / $__interval_s) * $__interval_s),
        toUInt32(least(ends, range_to)) + 1,
        toUInt32($__interval_s)
    )), 'UTC') AS time,
    label, users
FROM
(
    SELECT
        label, users, begins,
        leadInFrame(
            begins - 1, 1,
            if(day = open_day, range_to, toUnixTimestamp(toDateTime(day + 1, 'UTC')) - 1)
        ) OVER (
            PARTITION BY day, label ORDER BY begins
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS ends
    FROM
    (
        SELECT
            day, {label} AS label, toUnixTimestamp(minute) AS begins,
            sum(sum(change)) OVER (PARTITION BY day, label ORDER BY begins) AS users
        FROM online_by_minute
        WHERE {condition} AND ({DOMAIN} = '' OR domain = {DOMAIN})
            AND (day >= toDate({FROM}) OR day = open_day) AND minute <= {TO}
        GROUP BY day, label, begins
    )
)
WHERE users > 0 AND ends >= range_from
ORDER BY time, label"""
