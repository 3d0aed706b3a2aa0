"""The reference user center's pure parts and its store on SQLite."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis.strategies import SearchStrategy, composite, integers, lists, permutations

from local.reference_user_center.batch import BadEvent, NotABatch, TooManyEvents, changes
from local.reference_user_center.settings import ReferenceUserCenterSettings
from local.reference_user_center.store import Store
from schemas.presence import Presence
from schemas.vocabulary import Status
from tests.user_center import SECRET, event, presence

ALICE = "sip:alice@example.com"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'user-center.db'}")
    yield made
    made.close()


def _body(*events: dict[str, Any]) -> bytes:
    return json.dumps(list(events)).encode()


def test_batch_gives_its_presences() -> None:
    records = [presence(ALICE, 1), presence("sip:bob@example.com", 2)]
    assert changes(_body(*map(event, records)), 10) == records


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[1", b"\xff", b"[" * 100_000])
def test_other_body_is_not_a_batch(body: bytes) -> None:
    with pytest.raises(NotABatch):
        changes(body, 10)


def test_number_of_events_is_bounded() -> None:
    with pytest.raises(TooManyEvents):
        changes(_body(*[event(presence(ALICE, 1))] * 3), 2)


def _data(**changes: object) -> dict[str, Any]:
    record = event(presence(ALICE, 1))
    record["data"] |= changes
    return record


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (event(presence(ALICE, 1), specversion="0.3"), "specversion"),
        (event(presence(ALICE, 1), type="rollcall.session"), "type"),
        (event(presence(ALICE, 1), id=7), "id"),
        (event(presence(ALICE, 1), data=None), "data"),
        (_data(version=0), "data.version"),
        (_data(version=2**63), "data.version"),
        (_data(status="away"), "data.status"),
        (_data(aor="alice"), "data.aor"),
        (_data(aor="sip:al\0ice@example.com"), "data.aor"),
        (_data(at="2026-01-01T00:00:00"), "data.at"),
        (_data(at="9999-12-31T23:59:59-12:00"), "data.at"),
        (_data(bindings=[{}]), "data.bindings.0.node"),
    ],
)
def test_bad_event_is_named_by_index_and_field(bad: dict[str, Any], field: str) -> None:
    with pytest.raises(BadEvent) as caught:
        changes(_body(event(presence(ALICE, 1)), bad), 10)
    assert (caught.value.index, caught.value.field) == (1, field)


def test_missing_attribute_is_a_bad_event() -> None:
    incomplete = event(presence(ALICE, 1))
    del incomplete["data"]
    with pytest.raises(BadEvent) as caught:
        changes(_body(incomplete), 10)
    assert caught.value.index == 0


def test_unknown_fields_are_ignored() -> None:
    assert changes(_body(_data(of_a_later_schema=1)), 10) == [presence(ALICE, 1)]


def test_store_returns_what_was_applied(store: Store) -> None:
    assert store.apply([presence(ALICE, 1)]) == 1
    assert store.user(ALICE) == {
        "aor": ALICE,
        "version": 1,
        "status": "online",
        "reachable": True,
        "cause": "registered",
        "at": "2026-01-02T03:04:06.678901Z",
        "bindings": [
            {
                "node": "node-1",
                "contact": "sip:alice@192.0.2.7:5060;transport=tcp",
                "contact_form": None,
                "transport": "tcp",
                "remote": None,
                "edge": None,
                "path": None,
                "registrar": None,
                "user_agent": None,
                "suspect": False,
                "stale": False,
                "since": "2026-01-02T03:04:05.678901Z",
            }
        ],
        "calls": [],
    }
    assert store.user("sip:nobody@example.com") is None


def test_older_and_equal_versions_change_nothing(store: Store) -> None:
    store.apply([presence(ALICE, 5)])
    assert store.apply([presence(ALICE, 4)]) == 0
    assert store.apply([presence(ALICE, 5, status=Status.HELD)]) == 0
    stored = store.user(ALICE)
    assert stored is not None
    assert (stored["version"], stored["status"]) == (5, "online")


def test_users_are_filtered_and_paged(store: Store) -> None:
    store.apply([presence(f"sip:u{n}@example.com", n) for n in range(1, 8)])

    def aors(**query: Any) -> list[str]:
        asked = {"status": None, "reachable": None, "after": None, "limit": 100} | query
        return [u["aor"] for u in store.users(**asked)]

    assert aors(status="online") == [f"sip:u{n}@example.com" for n in (1, 3, 5, 7)]
    assert aors(reachable=False) == [f"sip:u{n}@example.com" for n in (2, 4, 6)]
    assert aors(limit=2, after="sip:u3@example.com") == [
        "sip:u4@example.com",
        "sip:u5@example.com",
    ]


@composite
def _deliveries(draw: Any) -> list[list[Presence]]:
    """Versions of three users, some several times, in any order, cut into any batches."""
    users = ["sip:a@x", "sip:b@x", "sip:c@x"]
    versions: SearchStrategy[list[int]] = lists(integers(1, 12), min_size=1, max_size=6)
    flat = [(aor, v) for aor in users for v in draw(versions)]
    flat += draw(lists(integers(0, len(flat) - 1), max_size=5).map(lambda i: [flat[n] for n in i]))
    order = [presence(aor, v) for aor, v in draw(permutations(flat))]
    size = draw(integers(1, len(order)))
    return [order[n : n + size] for n in range(0, len(order), size)]


@given(_deliveries())
@hypothesis_settings(max_examples=40, deadline=None)
def test_any_order_with_repeats_ends_at_the_highest_version(
    batches: list[list[Presence]],
) -> None:
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/user-center.db")
        try:
            for batch in batches:
                store.apply(batch)
            highest: dict[str, int] = {}
            for record in (r for batch in batches for r in batch):
                highest[record.aor] = max(record.version, highest.get(record.aor, 0))
            for aor, version in highest.items():
                stored = store.user(aor)
                assert stored is not None
                assert (stored["version"], stored["reachable"]) == (version, version % 2 == 1)
        finally:
            store.close()


def test_database_url_gets_the_shipped_driver_and_hides_its_password() -> None:
    settings = ReferenceUserCenterSettings.model_validate(
        {"secret": SECRET, "database_url": "postgresql://rollcall:hidden@db.example.com/users"}
    )
    assert settings.url().startswith("postgresql+psycopg://rollcall:hidden@")
    assert "hidden" not in settings.database()
    assert "hidden" not in repr(settings)


def test_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    settings = ReferenceUserCenterSettings.model_validate({"secret": SECRET, "data": tmp_path})
    store = Store(settings.url())
    store.apply([presence(ALICE, 1)])
    store.close()
    assert (tmp_path / "user-center.db").exists()
