"""A store with pseudonyms: the question with --aor finds the user, and forgetting deletes them."""

from pathlib import Path

from sinks.clickhouse.asking.client import ask, erase
from sinks.clickhouse.batch import Batch
from sinks.clickhouse.pseudonyms import as_stored, pseudonyms
from sinks.clickhouse.rows import Delivery
from sinks.clickhouse.tables import TABLES
from tests import clickhouse_records as records
from tests.integration.clickhouse_support import opened, settings

ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"


def test_a_pseudonymous_user_is_found_and_forgotten(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key of some bytes")
    chosen = settings(tmp_path / "store", pseudonym_key_file=key)
    batch = Batch(chosen, pseudonyms=pseudonyms(chosen))
    tables = {table.name: table for table in TABLES}
    for offset, aor in enumerate((ALICE, BOB)):
        for name, record in (
            ("registrations", records.registration(offset, aor=aor, contact=aor, binding=aor)),
            ("presence_history", records.presence(aor=aor)),
        ):
            batch.add(tables[name], Delivery("t", 0, offset, records.value(record)), 0.0)
    with opened(chosen) as database:
        for raw, rows in batch.rows.items():
            database.insert(raw, rows)
    joined = (
        "SELECT count() FROM registrations AS r JOIN presence AS p ON r.aor = p.aor"
        " WHERE r.aor = {aor:String}"
    )
    assert ask(chosen, joined, {"aor": as_stored(chosen, ALICE)}).rows == [[1]]
    assert ask(chosen, joined, {"aor": ALICE}).rows == [[0]]
    deleted = erase(chosen, as_stored(chosen, ALICE))
    assert deleted is not None
    assert {name: rows for name, rows in deleted.items() if rows} == {
        "presence": 1,
        "presence_history": 1,
        "registrations": 1,
    }
    assert ask(chosen, "SELECT aor FROM presence", {}).rows == [[as_stored(chosen, BOB)]]
