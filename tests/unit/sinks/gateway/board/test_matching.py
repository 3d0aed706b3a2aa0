"""Which rows a selection has: filters, and a search of texts that stay."""

import pytest

from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import EVERYTHING, Scope
from sinks.gateway.board.matching import Matcher
from sinks.gateway.board.request import Selection
from sinks.gateway.board.row import row_of
from tests.unit.sinks.gateway.board.users import BOB, EVE, binding, message, record

ROWS = [
    row_of(message(record("sip:Ann@one.test", 1, binding("fs1", agent="Yealink T46", edge="e1")))),
    row_of(message(record(BOB))),
    row_of(message(record(EVE, 3, binding("fs2", agent="Zoiper 5", suspect=True)))),
]
ANN_ = "sip:Ann@one.test"


def found(scope: Scope = EVERYTHING, **selection: object) -> list[str]:
    matcher = Matcher(Selection(**selection), scope)  # type: ignore[arg-type]  # of several types
    together = [row.aor for row in matcher.select(ROWS)]
    assert together == [row.aor for row in ROWS if matcher.select([row])]
    return together


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", [ANN_, BOB, EVE]),
        ("ann", [ANN_]),
        ("ANN one", [ANN_]),
        ("sip:bob@one.test", [BOB]),
        ("yealink", [ANN_]),
        ("fs2", [EVE]),
        ("e1", [ANN_]),
        ("one t46", [ANN_]),
        ("two t46", []),
        # Neither states nor times: these are of one moment.
        ("online", []),
        ("registered", []),
        ("2026", []),
        ("sip", []),
    ],
)
def test_all_words_are_found_in_what_stays(search: str, expected: list[str]) -> None:
    assert found(search=search) == expected


def test_filters_select_by_state_place_and_cause() -> None:
    assert found(status="offline") == [BOB]
    assert found(reachable=True) == [ANN_, EVE]
    assert found(confidence="suspect") == [EVE]
    assert found(cause="connection-closed") == [BOB]
    assert found(domain="two.test") == [EVE]
    assert found(node="fs1") == [ANN_]
    assert found(node="fs1", domain="two.test") == []


def test_what_a_viewer_may_not_see_is_not_searched() -> None:
    assert found(Scope(everybody=True), search="zoiper") == []
    granted = Scope(everybody=True, parts=frozenset({Part.USER_AGENT}))
    assert found(granted, search="zoiper") == [EVE]
    assert found(granted, search="ann fs1") == [ANN_]
