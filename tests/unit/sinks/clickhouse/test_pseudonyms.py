"""Rows with keyed hashes in place of who users are: no name is left in any column of any table."""

import base64
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from schemas.origin import Address
from sinks.clickhouse.pseudonyms import HASHED, HASHED_OF_CALLS, LEFT_OUT, USERS, Pseudonyms
from sinks.clickhouse.rows import Delivery, Row
from sinks.clickhouse.tables import TABLES, Table, to_row
from tests import clickhouse_records as records

KEY = Pseudonyms(b"a key of some bytes")
ALICE, BOB = "sip:alice@example.org", "sip:bob@example.org"
# Columns of text that name no user.
KEPT = frozenset(
    """
    agent boot cause client codec contact_form digit direction edge ended_by engine evidence field
    gateway hung_up_by id kind local_ip node nodes outcome reason registrar resource server side
    snapshot source state status topic transport type user_agent version channel
    """.split()  # noqa: SIM905 - a list of words
)
CALL_ID = "alice-7@192.0.2.7"
GIVEN: dict[str, list[Any]] = {
    "registrations": [
        records.registration(
            aor=ALICE,
            contact="sip:alice@192.0.2.7",
            binding="sip:alice@192.0.2.7",
            remaining=["sip:alice@192.0.2.8"],
            call_id=CALL_ID,
            path="<sip:alice@edge>",
            remote=Address(ip="192.0.2.7", port=5060),
            received=Address(ip="192.0.2.7", port=5060),
        )
    ],
    "connections": [records.connection(connection="node-1/192.0.2.7:40001")],
    "calls": [
        records.call(
            aor=ALICE,
            peer="alice@example.org",
            leg=CALL_ID,
            call=CALL_ID,
            sip_call_id=CALL_ID,
            other_leg=CALL_ID,
            correlation=CALL_ID,
            transfer="to alice",
        )
    ],
    "nodes": [records.node()],
    "media": [records.media(call_id=CALL_ID, tags=["alice"], tag="alice")],
    "speech": [records.speech(aor=ALICE, leg=CALL_ID, call=CALL_ID, text="this is alice")],
    "call_records": [records.call_record(call=CALL_ID, users=[ALICE], caller=ALICE, callee=ALICE)],
    "presence_history": [records.presence(aor=ALICE)],
    "dial_results": [records.dial_result("alice-1", user=ALICE)],
    "dead_letters": [
        records.dead_letter(
            reason="MalformedUri: sip:alice", payload=base64.b64encode(b"sip:alice").decode()
        )
    ],
}


def hidden(table: Table, record: Any) -> Row:
    row = to_row(table, Delivery("t", 0, 1, records.value(record)))
    assert row is not None
    KEY.hide(row)
    return row


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_name_is_left_in_any_column(table: Table) -> None:
    for record in GIVEN[table.name]:
        written = msgspec.json.encode(hidden(table, record)).lower()
        assert b"alice" not in written
        assert b"192.0.2.7" not in written
        assert base64.b64encode(b"sip:alice") not in written


def texts(struct: Any) -> Iterator[str]:
    """The columns of text of a row type, with those of its cells."""
    for name, hint in typing.get_type_hints(struct).items():
        parts = {hint, *typing.get_args(hint)}
        if str in parts:
            yield name
        for part in parts:
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from texts(part)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_of_text_is_decided_about(table: Table) -> None:
    """A new column has to be named here or in the module: none gets through unseen."""
    assert set(texts(table.row)) <= USERS | HASHED | set(LEFT_OUT) | {*HASHED_OF_CALLS, *KEPT}


def test_joins_find_the_same_hash_in_every_table() -> None:
    tables = {table.name: table for table in TABLES}
    row: dict[str, Any] = {name: hidden(tables[name], GIVEN[name][0]) for name in GIVEN}
    assert row["registrations"].aor == row["presence_history"].aor == row["speech"].aor
    assert row["call_records"].users == [row["calls"].aor] == [KEY.user(ALICE)]
    assert row["calls"].sip_call_id == row["media"].call_id
    assert row["calls"].aor.removeprefix("sip:") == row["calls"].peer


def test_a_user_keeps_the_domain_and_others_have_other_hashes() -> None:
    assert KEY.user(ALICE).startswith("sip:")
    assert KEY.user(ALICE).endswith("@example.org")
    other = Pseudonyms(b"another key of some bytes")
    assert len({KEY.user(ALICE), KEY.user(BOB), other.user(ALICE)}) == 3
    assert KEY.user("") == KEY.text("") == ""
