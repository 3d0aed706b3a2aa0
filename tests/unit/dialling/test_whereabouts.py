"""Where a user is reachable, as the gateway answers it."""

from collections.abc import Iterator

import pytest

from dialling.errors import NotPermitted
from dialling.settings import DiallingSettings
from dialling.whereabouts import Whereabouts, endpoint_of
from sinks.gateway.gateway import Gateway
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.unit.sinks.gateway.api.conftest import ANN, BOB, OF_SOME, gateway

__all__ = ["gateway"]


@pytest.fixture
def url(gateway: Gateway) -> Iterator[str]:
    server = Server(gateway, GatewaySettings(port=0))
    server.start()
    yield server.url
    server.stop()


def _whereabouts(url: str) -> Whereabouts:
    return Whereabouts(
        DiallingSettings.model_validate({"gateway_url": url, "gateway_token": OF_SOME})
    )


def test_nodes_are_those_of_the_users_bindings(url: str) -> None:
    whereabouts = _whereabouts(url)
    assert whereabouts.nodes_of(ANN) == ["node-1"]
    whereabouts.close()


def test_user_who_is_not_shown_or_not_there_is_not_called(url: str) -> None:
    whereabouts = _whereabouts(url)
    for aor in (BOB, "sip:nobody@one.test"):
        with pytest.raises(NotPermitted, match="not reachable"):
            whereabouts.nodes_of(aor)
    whereabouts.close()


def test_gateway_that_does_not_answer_is_named() -> None:
    whereabouts = _whereabouts("http://127.0.0.1:9")
    with pytest.raises(NotPermitted, match=r"dialling\.gateway_url"):
        whereabouts.nodes_of(ANN)
    whereabouts.close()


def test_user_whom_no_directory_can_name_is_refused() -> None:
    assert endpoint_of(ANN) == "user/ann@one.test"
    with pytest.raises(NotPermitted):
        endpoint_of("sip:a{b@one.test")
