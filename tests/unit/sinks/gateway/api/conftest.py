"""A gateway with some users, served without Kafka; three tokens see different parts of it."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from schemas.codec import encode
from schemas.origin import Address
from schemas.presence import Presence
from schemas.vocabulary import Status
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import Message, presence_message
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.user_center import presence

ANN, BOB, CAT = "sip:ann@one.test", "sip:bob@one.test", "sip:cat@one.test"
EVE, FAY = "sip:eve@two.test", "sip:fay@two.test"
WHOLE, OF_TWO, OF_SOME = "sees-everything-here", "sees-all-of-two.test", "sees-ann-and-two.test"
Ask = Callable[..., httpx.Response]


def user(aor: str, version: int = 1, port: int = 5060, **changes: object) -> Presence:
    """Reachable at node-1, at 192.0.2.1 and this port."""
    found = presence(aor, version)
    for binding in found.bindings:
        binding.contact = f"{aor}:{port};transport=tcp"
        binding.remote = Address(ip="192.0.2.1", port=port)
        binding.user_agent = "Phone/1"
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def message(record: Presence) -> Message:
    return presence_message(encode(record), 0.0)


@pytest.fixture
def gateway() -> Gateway:
    settings = GatewaySettings.model_validate(
        {
            "port": 0,
            "token": [
                {
                    "token": WHOLE,
                    "name": "all",
                    "domains": ["*"],
                    "fields": ["contact", "address", "user_agent", "peer"],
                },
                {
                    "token": OF_TWO,
                    "name": "two",
                    "domains": ["two.test"],
                    "fields": ["contact", "address"],
                    "dial": True,
                },
                {
                    "token": OF_SOME,
                    "name": "some",
                    "domains": ["two.test"],
                    "aors": [ANN, "sip:nobody@one.test"],
                },
            ],
        }
    )
    found = Gateway(settings)
    found.apply(
        [
            message(user(EVE, port=5061, status=Status.HELD)),
            message(user(BOB, 2)),
            message(user(FAY, 1, 5062)),
            message(user(ANN, 1)),
            message(user(CAT, 3, status=Status.RINGING)),
        ]
    )
    found.is_caught_up = True
    return found


@pytest.fixture
def ask(gateway: Gateway) -> Iterator[Ask]:
    """Requests with the token that sees everything, unless another is given."""
    server = Server(gateway, GatewaySettings(port=0))
    server.start()
    with httpx.Client(base_url=server.url, trust_env=False) as client:

        def request(
            path: str, token: str = WHOLE, method: str = "GET", **options: object
        ) -> httpx.Response:
            headers = {"authorization": f"Bearer {token}", **dict(options.pop("headers", {}))}  # type: ignore[call-overload]  # of several types
            found: httpx.Response = client.request(method, path, headers=headers, **options)  # type: ignore[arg-type]  # of several types
            return found

        yield request
    server.stop()
