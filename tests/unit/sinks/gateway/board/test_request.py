"""What a page may ask for, and how it is refused."""

import json

import pytest

from schemas.codec import InvalidRecord
from sinks.gateway.board.request import SEARCH_MAX, Request, Selection, request_in


def test_a_request_states_all_of_what_is_shown() -> None:
    asked = {"id": 3, "selection": {"search": " Ann  SIP:x", "sort": "since"}, "user": "sip:a@b.c"}
    request = request_in(json.dumps(asked))
    assert request == Request(
        id=3, selection=Selection(search=" Ann  SIP:x", sort="since"), user="sip:a@b.c"
    )
    assert request.selection.words == ("ann", "x")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"selection": {"sort": "password"}}, "selection.sort"),
        ({"selection": {"search": "x" * (SEARCH_MAX + 1)}}, "selection.search"),
        ({"selection": {"node": "x" * 600}}, "selection.node"),
        ({"selection": {"status": 7}}, "selection.status"),
        ({"count": 201}, "count"),
        ({"count": -1}, "count"),
        ({"start": -1}, "start"),
        ({"start": 2**60}, "start"),
    ],
)
def test_what_is_no_request_names_the_field(asked: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRecord) as error:
        request_in(json.dumps(asked))
    assert error.value.field == field


@pytest.mark.parametrize("text", ["", "[]", "null", '{"x": 1}', "{", "[" * 5000, "\ud800"])
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(InvalidRecord):
        request_in(text)
