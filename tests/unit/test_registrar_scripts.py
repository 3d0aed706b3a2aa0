"""The differential test's own parts: scripts that stay the same, a comparison that is strict."""

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from schemas.presence import Presence, PresenceBinding
from schemas.vocabulary import Cause, Status
from tests.registrars.comparing import compare
from tests.registrars.generating import generate
from tests.registrars.script import Lose, Pause, Register, Script
from tests.registrars.table import Row, by_token, token_of

_AOR = "sip:q1z@example.test"
_A, _B = "sip:a@192.0.2.1", "sip:b@192.0.2.2"


def _script(seed: int) -> Script:
    return generate(seed, 4, (1, 1, 2, 1))


def _presence(*contacts: str, aor: str = _AOR) -> Presence:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    return Presence(
        aor=aor,
        version=1,
        status=Status.ONLINE if contacts else Status.OFFLINE,
        reachable=bool(contacts),
        cause=Cause.REGISTERED,
        at=at,
        bindings=[PresenceBinding(node="n", contact=contact, since=at) for contact in contacts],
        calls=[],
        evidence=[],
    )


def _row(contact: str, aor: str = "q1z@example.test") -> Row:
    return Row(aor, contact, "call")


def test_same_seed_gives_the_same_client() -> None:
    assert [_script(seed) for seed in range(50)] == [_script(seed) for seed in range(50)]
    assert all(5 <= len(_script(seed).steps) <= 20 for seed in range(50))


@pytest.mark.parametrize(
    "pattern",
    [
        r"Contact: sip:",  # bare: parameters are the header's
        r'"Miller, Bob" <',
        r'\\"the phone\\"',
        r"^Contact: \*$",
        r"<.*>.*, *(\"[^\"]*\" )?<",  # several in one header
        r"[+]sip.instance=.*;reg-id=",
        r";ob\b",
        r";pn-provider=",
        r"\.invalid",
        r"<sips:",
        r"@\[2001:DB8",
        r"%2B",
        r"%62ob",
        r";q=0\.",
        r"^Path: ",
        r"^Expires: 3600;x=1$",
        r"^Expires: abc$",
        r"^Expires: 4294967295$",
        r";expires=-1",
        r"^To: .*%40corp\.com@",
        r"^To: .*Q[0-9]+Z",
        r"^To: .*@EXAMPLE\.TEST",
    ],
)
def test_every_shape_is_generated(pattern: str) -> None:
    headers = [
        header
        for seed in range(400)
        for step in _script(seed).steps
        if isinstance(step, Register)
        for header in step.headers
    ]
    assert any(re.search(pattern, header, re.DOTALL) for header in headers)


def test_every_kind_of_step_is_generated() -> None:
    steps = [step for seed in range(200) for step in _script(seed).steps]
    assert {type(step) for step in steps} == {Register, Lose, Pause}
    of_two_profiles = [_script(seed) for seed in range(200) if _script(seed).options == 2]
    registers = [s for one in of_two_profiles for s in one.steps if isinstance(s, Register)]
    assert {step.profile for step in registers} == {0, 1}


def test_each_client_has_a_user_of_its_own() -> None:
    for seed in range(100):
        script = _script(seed)
        for step in script.steps:
            if isinstance(step, Register):
                (to,) = (header for header in step.headers if header.startswith("To:"))
                assert token_of(unquote(to)) == script.token


def test_equal_is_nothing() -> None:
    rows = [_row(_A), _row(_B)]
    assert not compare(rows, [_presence(_B, _A)], lambda _: False)
    assert not compare([], [], lambda _: False)
    assert not compare([], [_presence()], lambda _: False)


@pytest.mark.parametrize(
    ("rows", "shown", "says"),
    [
        ([_row(_A)], [], f"not shown: {_A}"),
        ([_row(_A)], [_presence(_B)], f"not shown: {_A}"),
        ([], [_presence(_A)], f"not listed: {_A}"),
        ([_row(_A), _row(_A)], [_presence(_A)], f"not shown: {_A}"),
        ([_row(_A)], [_presence(_A), _presence(_A, aor="sip:Q1z@example.test")], "sip:Q1z"),
        ([_row(_A), _row(_A, aor="Q1z@example.test")], [_presence(_A)], "sip:Q1z"),
    ],
)
def test_a_difference_is_named(rows: list[Row], shown: list[Presence], says: str) -> None:
    assert any(says in line for line in compare(rows, shown, lambda _: False).lines)


def test_a_contact_whose_connection_has_ended_is_not_to_be_shown() -> None:
    rows = [_row(_A), _row(_B)]
    assert not compare(rows, [_presence(_A)], lambda row: row.contact == _B)
    assert compare(rows, [_presence(_A, _B)], lambda row: row.contact == _B)


def test_rows_of_one_uri_may_count_once() -> None:
    rows = [_row(f'"x" <{_A}>'), _row(f"<{_A}>")]
    assert compare(rows, [_presence(_A)], lambda _: False)
    assert not compare(rows, [_presence(_A)], lambda _: False, counts_rows=False)
    assert compare(rows, [_presence(_B)], lambda _: False, counts_rows=False)


def test_what_no_record_can_hold_is_set_aside() -> None:
    difference = compare([_row("http://x")], [], lambda _: False)
    assert not difference
    assert len(difference.unreadable) == 1


def test_rows_are_found_by_their_client() -> None:
    rows = [_row(_A), _row(_B, aor="x-Q23Z@example.test"), _row(_A, aor="nobody@example.test")]
    assert {token: len(found) for token, found in by_token(rows).items()} == {"q1z": 1, "q23z": 1}
