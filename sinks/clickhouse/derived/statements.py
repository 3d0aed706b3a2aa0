"""The SELECTs that derive: one file each, of a period that is closed, or of what is still open.

A file has `{begin}`, `{end}` and the like for times, and `{spans}` for where spans are read.
"""

from datetime import date, datetime
from functools import cache
from importlib.resources import files

from sinks.clickhouse.derived.periods import DAY, HOUR

# The first of those that a Date has.
OLDEST = "toDateTime64('1970-01-01 00:00:00', 6, 'UTC')"
_LATEST = "toDateTime64('2299-12-31 00:00:00', 6, 'UTC')"
# Made of spans, and made of registrations.
OF_SPANS = ("online_by_minute", "losses_by_minute", "changes_by_minute")
OF_REGISTRATIONS = ("registrations_by_minute", "registrations_by_hour")
_OPENED = "(SELECT since FROM presence_open)"
_LAST_DAY = "(SELECT day FROM presence_open)"
_CHANGED = f"AND aor IN (SELECT aor FROM presence_history_raw WHERE at >= {_OPENED})"
# Of few changes it is faster to leave repeats out than to merge the day's parts, as FINAL does.
_CHANGES = f"(SELECT * FROM presence_history_raw WHERE at >= {_OPENED} LIMIT 1 BY aor, version)"
# A day that will not come. Its rows are the spans that go on at the end of what is derived: to read
# them among all spans of the day before takes three times as long, or more.
STATE_DAY = date(2100, 1, 1)


def spans_of_day(day: datetime, until: datetime, *, is_first: bool) -> str:
    """The spans of a day, up to then. The first day's are made of everything that is older, too."""
    spans = _filled(
        "spans",
        begin=_moment(day),
        end=_moment(until),
        oldest=OLDEST if is_first else _moment(day),
        before=f"toDate('{day - DAY:%Y-%m-%d}')",
        whose="",
        changes="presence_history",
    )
    return f"SELECT toDate('{day:%Y-%m-%d}') AS day, * FROM ({spans})"


def state(since: datetime, day: date) -> str:
    """The spans that go on at `since`, until when `day` is derived."""
    return (
        f"SELECT * REPLACE (toDate('{STATE_DAY}') AS day) FROM (SELECT * FROM presence_days_raw"
        f" WHERE day = '{day}' AND start < {_moment(since)} AND until >= {_moment(since)})"
    )


def open_spans(*, of_changed: bool = False) -> str:
    """The spans from the end of what is derived on; `of_changed`: of users who changed since.

    Their `day` is the last that is derived, whole or in part, which they continue.
    """
    spans = _filled(
        "spans",
        begin=_OPENED,
        end=_LATEST,
        oldest=_OPENED,
        before="(SELECT state_day FROM presence_open)",
        whose=_CHANGED if of_changed else "",
        changes=_CHANGES if of_changed else "presence_history",
    )
    return f"SELECT {_LAST_DAY} AS day, * FROM ({spans})"


def counts(name: str, spans: str) -> str:
    """Of OF_SPANS: the counts of a day's spans that `spans` reads."""
    return _filled(name, spans=spans, begins="true")


def open_counts(name: str) -> str:
    """Of OF_SPANS: the counts from the end of what is derived on.

    What did not change since then is counted there already, so its spans are not made: they are a
    million where a few users changed.
    """
    spans = f"({open_spans(of_changed=True)})"
    return _filled(name, spans=spans, begins=f"since >= {_OPENED}")


def events_of_hour(name: str, hour: datetime) -> str:
    """Of OF_REGISTRATIONS: the counts of an hour."""
    return _filled(name, begin=_moment(hour), end=_moment(hour + HOUR))


def open_events(name: str) -> str:
    """Of OF_REGISTRATIONS: the counts from the end of the last derived hour on."""
    return _filled(name, begin="(SELECT since FROM registrations_open)", end=_LATEST)


def _moment(moment: datetime) -> str:
    return f"toDateTime64('{moment:%Y-%m-%d %H:%M:%S}', 6, 'UTC')"


@cache
def _text(name: str) -> str:
    lines = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip()


def _filled(name: str, **values: str) -> str:
    text = _text(name)
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text
