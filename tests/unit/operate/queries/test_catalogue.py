"""The named queries: each has a question, and takes known parameters only."""

from pathlib import Path

import pytest

from operate.queries.catalogue import PARAMETERS, UnknownQuery, catalogue, find


@pytest.mark.parametrize("name", catalogue())
def test_each_has_a_question_and_known_parameters(name: str) -> None:
    one = find(name)
    assert one.question.endswith("?")
    assert one.parameters <= {*PARAMETERS}
    assert one.sql.startswith(("SELECT", "WITH"))


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownQuery, match="no query 'onlineat'; there are: answer-rate, calls"):
        find("onlineat")


@pytest.mark.parametrize("name", catalogue())
def test_each_is_documented_with_its_question(name: str) -> None:
    page = (Path(__file__).parents[4] / "docs" / "querying.md").read_text()
    assert f"### {name}\n\n{find(name).question}\n" in page
