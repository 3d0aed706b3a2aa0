"""Destinations, rates, and calls at the same time."""

from datetime import UTC, datetime

import pytest

from dialling.errors import NotPermitted
from dialling.permission import Permission
from schemas.dialling import DialCommand


def _command(number: str = "+4930801", client: str = "a") -> DialCommand:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return DialCommand(key="k", client=client, at=at, number=number, extension="1")


def _permission(**given: float) -> Permission:
    limits = {"rate": 1.0, "burst": 2, "calls_max": 10, "per_client": 5} | given
    return Permission([r"\+4930\d+"], **limits)  # type: ignore[arg-type]  # of several types


def test_nothing_may_be_called_without_a_destination() -> None:
    permission = Permission([], rate=1, burst=1, calls_max=1, per_client=1)
    with pytest.raises(NotPermitted, match="destination"):
        permission.begin(_command(), 0)


@pytest.mark.parametrize("number", ["+49301", "+4930801"])
def test_whole_number_has_to_match(number: str) -> None:
    _permission().begin(_command(number), 0)


@pytest.mark.parametrize("number", ["+4940801", "4930801"])
def test_other_number_is_refused(number: str) -> None:
    with pytest.raises(NotPermitted, match="destination"):
        _permission().begin(_command(number), 0)


def test_rate_is_the_clients_own() -> None:
    permission = _permission()
    permission.begin(_command(), 0)
    permission.begin(_command(), 0)
    with pytest.raises(NotPermitted, match="rate"):
        permission.begin(_command(), 0)
    permission.begin(_command(client="b"), 0)
    permission.begin(_command(), 1.0)


def test_calls_at_the_same_time_are_bounded_by_client_and_altogether() -> None:
    permission = _permission(burst=100, per_client=2, calls_max=3)
    permission.begin(_command(), 0)
    permission.resume("a")
    with pytest.raises(NotPermitted, match="this client"):
        permission.begin(_command(), 0)
    permission.begin(_command(client="b"), 0)
    with pytest.raises(NotPermitted, match="same time"):
        permission.begin(_command(client="c"), 0)
    permission.end("a")
    permission.begin(_command(), 0)
