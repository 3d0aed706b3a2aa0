"""Spans and counts equal a fold in Python, whatever is delivered how often, in which order."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from operate.dashboards.sql import online_by
from operate.queries.catalogue import find
from schemas.presence import Presence, PresenceBinding
from schemas.vocabulary import Cause, RegistrationKind, Status
from sinks.clickhouse import migration
from sinks.clickhouse.asking.client import ask
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.derivation import Derivation
from sinks.clickhouse.derived.worker import Deriver
from sinks.clickhouse.errors import StoreUnavailable
from sinks.clickhouse.rows import Delivery
from sinks.clickhouse.tables import TABLES, to_row
from tests import clickhouse_records as records
from tests.eventually import eventually
from tests.integration.clickhouse_support import opened, settings
from tests.integration.test_dashboards import expanded

DAYS, USERS, MOMENTS = 4, 40, 20
HOUR = timedelta(hours=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - timedelta(days=DAYS + 1)
KEPT = timedelta(days=3650)
History = dict[str, list[Presence]]


def binding(node: str, *, stale: bool = False) -> PresenceBinding:
    return PresenceBinding(node=node, contact="sip:x@192.0.2.7", since=START, stale=stale)


def history(seed: int) -> History:
    """Each user's changes over the days, some of them at one moment, some by the loss of a node."""
    chance = random.Random(seed)
    found: History = {}
    for number in range(USERS):
        aor = f"sip:{number}@{'one' if number % 3 else 'two'}.example"
        at = START + timedelta(hours=chance.uniform(0, 24))
        for version in range(1, chance.randrange(2, 12)):
            up = version == 1 or chance.random() < 0.5
            nodes = chance.sample(["fs-1", "fs-2", "fs-3"], chance.choice([1, 1, 2]))
            stale = chance.random() < 0.2
            record = records.presence(
                version,
                aor=aor,
                at=at,
                reachable=up,
                status=Status.ONLINE if up else Status.OFFLINE,
                cause=Cause.REGISTERED if up else chance.choice([Cause.NODE_LOST, Cause.EXPIRED]),
                bindings=[binding(node, stale=stale) for node in nodes] if up else [],
                calls=[],
            )
            found.setdefault(aor, []).append(record)
            if chance.random() < 0.9:
                at += timedelta(hours=chance.uniform(0, 30))
            if at >= START + timedelta(days=DAYS):
                break
    return found


def store(database: Database, name: str, values: list[Any]) -> None:
    (table,) = [one for one in TABLES if one.name == name]
    rows = [
        to_row(table, Delivery("t", 0, offset, records.value(value)))
        for offset, value in enumerate(values)
    ]
    database.insert(table.raw, [row for row in rows if row is not None])


def later() -> datetime:
    """A time at which what has been stored is surely visible."""
    return datetime.now(UTC) + timedelta(minutes=2)


def age(
    database: Database, what: str = "presence_quarters", start: str = "toStartOfFifteenMinutes"
) -> None:
    """As if each change had been stored when it happened."""
    database.command("ALTER TABLE stored_periods DELETE WHERE 1 SETTINGS mutations_sync = 1")
    database.command(
        f"INSERT INTO stored_periods SELECT '{what}', {start}(at), max(at)"
        " FROM presence_history GROUP BY 2"
    )


def delay(database: Database, at: datetime, to: datetime) -> None:
    """As if the latest row of that hour had been stored at another time."""
    hour = f"toStartOfHour(toDateTime('{at:%Y-%m-%d %H:%M:%S}', 'UTC'))"
    chosen = f"what = 'presence_quarters' AND period = {hour}"
    database.command(
        f"ALTER TABLE stored_periods DELETE WHERE {chosen} SETTINGS mutations_sync = 1"
    )
    database.command(
        "INSERT INTO stored_periods (what, period, stored_at)"
        f" SELECT 'presence_quarters', {hour}, toDateTime64('{to:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"
    )


def derive(database: Database, now: Callable[[], datetime] = later) -> int:
    return Derivation(database, KEPT, now).run()


def state(of: list[Presence], at: datetime) -> Presence | None:
    return next((one for one in reversed(of) if one.at <= at), None)


def reachable(of: History, at: datetime) -> dict[str, str]:
    """The fold: who was reachable at a moment, over which nodes."""
    found = {}
    for aor, records_of in of.items():
        one = state(records_of, at)
        if one is not None and one.reachable:
            found[aor] = " ".join(sorted({b.node for b in one.bindings}))
    return found


def losses(of: History) -> Counter[str]:
    return Counter(
        str(after.cause)
        for records_of in of.values()
        for before, after in pairwise(records_of)
        if before.reachable and not after.reachable
    )


def asked(chosen: Any, name: str, **given: str) -> list[dict[str, Any]]:
    one = find(name)
    values = {"node": "", "domain": "", "aor": "", **given}
    answer = ask(chosen, one.sql, {key: values[key] for key in one.parameters})
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def assert_equals_fold(chosen: Any, of: History, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(MOMENTS):
        at = START + timedelta(seconds=chance.uniform(0, DAYS * 86_400))
        found = {row["aor"]: row["nodes"] for row in asked(chosen, "online-at", at=text(at))}
        assert found == reachable(of, at), at
    whole = {"from": text(START), "to": text(START + timedelta(days=DAYS + 1))}
    by_cause = {row["cause"]: row["losses"] for row in asked(chosen, "losses-by-cause", **whole)}
    assert by_cause == losses(of)
    minutes = asked(chosen, "online-over-time", **whole)
    assert len(minutes) > USERS
    for row in minutes:
        end = datetime.fromisoformat(row["minute"]) + timedelta(minutes=1, microseconds=-1)
        assert row["reachable"] == len(reachable(of, end)), row


def derived_until(database: Database) -> datetime:
    ((since,),) = database.query("SELECT since FROM presence_open")
    assert isinstance(since, datetime)
    return since.replace(tzinfo=UTC)


@pytest.mark.parametrize("closed", [0, 2, 2.4, DAYS - 0.01])
def test_moments_counts_and_concurrency_are_those_of_a_fold(tmp_path: Path, closed: float) -> None:
    """With no day derived, some, and a part of one more; each batch delivered three times."""
    chosen, of = settings(tmp_path), history(seed=1)
    with opened(chosen) as database:
        everything = [one for records_of in of.values() for one in records_of]
        for seed in range(3):
            random.Random(seed).shuffle(everything)
            store(database, "presence_history", everything)
        if closed:
            until = START + timedelta(days=closed)
            age(database)
            assert derive(database, lambda: until + timedelta(minutes=2)) > 0
            assert derive(database, lambda: until + timedelta(minutes=2)) == 0
    assert_equals_fold(chosen, of, seed=7)


@pytest.mark.parametrize("closed", [0, 2, 2.4])
def test_a_dashboard_shows_as_many_users_as_there_are(tmp_path: Path, closed: float) -> None:
    """In the day that is open, from whichever hour on it is."""
    of, since = history(seed=9), START + timedelta(days=2, hours=13)
    sql = expanded(online_by("toString(domain)", "reachable AND node = ''"), since)
    with opened(settings(tmp_path)) as database:
        store(database, "presence_history", [one for of_user in of.values() for one in of_user])
        if closed:
            age(database)
            assert derive(database, clock(closed)) > 0
        points = database.query(sql)
    chance = random.Random(closed)
    for at in chance.sample(sorted({at for at, _, _ in points}), MOMENTS):
        end = at.replace(tzinfo=UTC) + timedelta(minutes=1, microseconds=-1)
        if at.second == 0:  # of whole minutes
            shown = sum(users for time, _, users in points if time == at)
            assert shown == len(reachable(of, end)), at


def test_a_span_is_there_once_and_its_ends_have_causes(tmp_path: Path) -> None:
    of = history(seed=2)
    with opened(settings(tmp_path)) as database:
        for _ in range(3):
            store(database, "presence_history", [one for of_user in of.values() for one in of_user])
        open_spans = spans(database)
        derive(database)
        assert spans(database) == open_spans
        derive(database)  # nothing is due
        assert spans(database) == open_spans
    assert open_spans == expected_spans(of)


def counted(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """The counts by minute; of those online how many there are at last."""
    online = (
        "SELECT node, domain, status, reachable, grey, sum(change) AS users FROM online_by_minute"
        " WHERE day = (SELECT day FROM presence_open) GROUP BY ALL HAVING users != 0 ORDER BY ALL"
    )
    by_minute = "SELECT * FROM {}_by_minute ORDER BY ALL"
    return {
        "online": database.query(online),
        "losses": database.query(by_minute.format("losses")),
        "changes": database.query(by_minute.format("changes")),
    }


def spans(database: Database) -> dict[tuple[str, int], tuple[Any, ...]]:
    found = database.query(
        "SELECT aor, version, since, until, status, reachable, grey, nodes, cause, until_cause"
        " FROM presence_spans"
    )
    keyed = {
        (aor, version): (since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC), *rest)
        for aor, version, since, until, *rest in found
    }
    assert len(keyed) == len(found), "a span is there twice"
    return keyed


def expected_spans(of: History) -> dict[tuple[str, int], tuple[Any, ...]]:
    found = {}
    for aor, records_of in of.items():
        lost_by: Cause | None = None
        for number, one in enumerate(records_of):
            before = records_of[number - 1] if number else None
            after = records_of[number + 1] if number + 1 < len(records_of) else None
            if one.reachable:
                lost_by, grey = None, all(b.stale for b in one.bindings)
            else:
                if before is not None and before.reachable:
                    lost_by = one.cause
                grey = lost_by is Cause.NODE_LOST
            found[aor, one.version] = (
                one.at,
                after.at if after else None,
                one.status,
                one.reachable,
                grey,
                sorted({b.node for b in one.bindings}),
                one.cause,
                after.cause if after else "",
            )
    return found


def test_late_changes_are_derived_again(tmp_path: Path) -> None:
    of = history(seed=3)
    early = [one for of_user in of.values() for one in of_user]
    late = [one for one in early if one.version % 3 == 2]
    with opened(settings(tmp_path)) as database:
        store(database, "presence_history", [one for one in early if one not in late])
        age(database)
        assert derive(database, lambda: datetime.now(UTC)) > 0
        store(database, "presence_history", late)
        assert derive(database, lambda: datetime.now(UTC)) == 0  # more may be coming
        assert derive(database) > 0
        assert spans(database) == expected_spans(of)
    assert_equals_fold(settings(tmp_path), of, seed=8)


def clock(days: float) -> Callable[[], datetime]:
    """Runs from two minutes after then on, a second a question: of two records one is the later."""
    seconds = itertools.count()
    return lambda: START + timedelta(days=days, minutes=2, seconds=next(seconds))


@pytest.mark.parametrize(
    ("since", "until", "statement"),
    [
        *((0, DAYS, statement) for statement in range(1, 24, 3)),
        *((1.3, 1.7, statement) for statement in range(2, 23, 3)),
        *((1.7, 2.1, statement) for statement in range(4, 40, 7)),
    ],
)
def test_killed_while_deriving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: float, until: float, statement: int
) -> None:
    """After any statement of it: nothing is there twice before, and nothing is missing after.

    At first, when more of the open day has closed, and when the day has.
    """
    of, done = history(seed=4), []
    with opened(settings(tmp_path)) as database:
        for _ in range(3):
            store(database, "presence_history", [one for of_user in of.values() for one in of_user])
        age(database)
        counts = counted(database)
        derive(database, clock(since))
        assert counted(database) == counts
        command = Database.command

        def dying(self: Database, sql: str) -> None:
            done.append(sql)
            if len(done) >= statement:
                raise StoreUnavailable("killed")
            command(self, sql)

        with monkeypatch.context() as patched:
            patched.setattr(Database, "command", dying)
            with pytest.raises(StoreUnavailable):
                derive(database, clock(until))
        assert spans(database) == expected_spans(of)
        assert counted(database) == counts
        again = Derivation(database, KEPT, clock(until))
        again.clean()
        again.run()
        assert derived_until(database) == START + timedelta(minutes=15 * int(until * 96))
        assert spans(database) == expected_spans(of)
        assert counted(database) == counts
        left = "SELECT name FROM system.tables WHERE startsWith(name, 'staging_')"
        assert database.query(left) == []


def test_late_changes_open_what_was_derived_again(tmp_path: Path) -> None:
    """Until no more of them come, questions read that time and all after it from the rows."""
    of = history(seed=6)
    everything = [one for of_user in of.values() for one in of_user]
    day = START + timedelta(days=2)
    first = min(one.at for one in everything if one.at >= day + 6 * HOUR)
    hour = first.replace(minute=0, second=0, microsecond=0)
    late = [one for one in everything if hour <= one.at < hour + HOUR]
    with opened(settings(tmp_path)) as database:
        store(database, "presence_history", [one for one in everything if one not in late])
        age(database)
        assert derive(database, clock(2.67)) > 0
        assert derived_until(database) == day + 16 * HOUR
        store(database, "presence_history", late)
        delay(database, hour, to=START + timedelta(days=2.67, minutes=10))
        assert derive(database, clock(2.67 + 10 / 1440 - 90 / 86400)) == 0
        assert derived_until(database) == hour
        assert spans(database) == expected_spans(of)
        counts = counted(database)
        assert derive(database, clock(2.67 + 10 / 1440)) == 1
        assert derived_until(database) == day + 16 * HOUR + HOUR / 4
        assert spans(database) == expected_spans(of)
        assert counted(database) == counts
        assert derive(database, clock(2.67 + 12 / 1440)) == 0


def test_a_store_of_a_version_before_goes_on(tmp_path: Path) -> None:
    """Its rows were noted by day only, also those of the open day."""
    of, chosen = history(seed=10), settings(tmp_path)
    everything = [one for of_user in of.values() for one in of_user]
    until = START + timedelta(days=2.4)
    with Database(chosen) as database:
        migration.migrate(database, [one for one in migration.load() if one.number < 23])
        store(database, "presence_history", [one for one in everything if one.at < until])
        noted = "SELECT what, count() FROM stored_periods FINAL GROUP BY what"
        assert database.query(noted) == [("presence", 3)]
        age(database, "presence", "toStartOfDay")
    with opened(chosen) as database:
        assert derive(database, clock(2.5)) == 3
        assert derived_until(database) == START + timedelta(days=2.5)
        store(database, "presence_history", [one for one in everything if one.at >= until])
        assert derive(database) > 0
        assert derived_until(database) >= TODAY
        assert spans(database) == expected_spans(of)
    assert_equals_fold(chosen, of, seed=10)


def test_the_thread_beside_the_sink_derives_what_is_due(tmp_path: Path) -> None:
    chosen, of = settings(tmp_path, derive_seconds=0.1), history(seed=5)
    with opened(chosen) as database:
        database.command("CREATE TABLE staging_left (n UInt8) ENGINE = Memory")  # by a killed one
        store(database, "presence_history", [one for of_user in of.values() for one in of_user])
        age(database)
        deriver = Deriver(chosen)
        try:
            asked = "SELECT count() FROM derived_periods FINAL WHERE what = 'presence'"
            eventually(lambda: database.query(asked) == [(DAYS + 1,)], 60, what="all days")
        finally:
            deriver.close()
        assert spans(database) == expected_spans(of)
        assert database.query("EXISTS TABLE staging_left") == [(0,)]


def test_a_store_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts: list[bool] = []

    def failing(self: Derivation, stopped: Callable[[], bool]) -> int:
        del self, stopped
        attempts.append(True)
        if len(attempts) < 3:
            raise StoreUnavailable("away")
        return 0

    monkeypatch.setattr(Derivation, "run", failing)
    chosen = settings(tmp_path, derive_seconds=0.01)
    with opened(chosen):
        deriver = Deriver(chosen)
        eventually(lambda: len(attempts) > 3, 30, what="attempts after the failures")
        deriver.close()
    assert capsys.readouterr().out.count("spans and counts not derived") == 1


def test_refreshes_are_counted_once_and_longer_than_they_are_kept(tmp_path: Path) -> None:
    agents = ["Yealink SIP-T46S 66.84.0.15", "JsSIP 3.10.1", None]
    events = [
        records.registration(
            number,
            at=START + timedelta(minutes=7 * number),
            kind=RegistrationKind.REFRESHED if number % 4 else RegistrationKind.REGISTERED,
            user_agent=agents[number % 3],
        )
        for number in range(60)
    ]
    counted = "SELECT kind, agent, sum(events) FROM registrations_by_hour GROUP BY ALL ORDER BY ALL"
    direct = "SELECT kind, agent, count() FROM registrations GROUP BY ALL ORDER BY ALL"
    minutes = "SELECT sum(events) FROM registrations_by_minute"
    with opened(settings(tmp_path)) as database:
        for _ in range(3):
            store(database, "registrations", events)
        before = database.query(direct)
        assert database.query(counted) == before
        assert derive(database) > 0
        assert database.query(counted) == before
        assert database.query(minutes) == [(60,)]
        store(database, "registrations", events)  # a rebuild reads them again
        derive(database, lambda: datetime.now(UTC) + timedelta(minutes=5))
        assert database.query(counted) == before
        day = f"{START:%Y%m%d}"
        database.command(f"ALTER TABLE registrations_raw DROP PARTITION ({day}, true)")
        store(database, "registrations", events[:5])  # and only some of them are left
        derive(database, lambda: datetime.now(UTC) + timedelta(minutes=9))
        assert database.query(counted) == before
