"""Where a user is reachable: asked of Rollcall's own gateway, which reads presence."""

from typing import Any
from urllib.parse import quote

import gevent
import httpx

from dialling.errors import NotPermitted
from dialling.settings import DiallingSettings
from sinks.gateway.routing import dial_string

_TIMEOUT_SECONDS = 5.0


class Whereabouts:
    """One HTTP client; its requests run in gevent's threads, so no call waits for another's."""

    def __init__(self, settings: DiallingSettings) -> None:
        token = settings.gateway_token
        given = {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._client = httpx.Client(
            base_url=str(settings.gateway_url),
            headers=given,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )

    def nodes_of(self, aor: str) -> list[str]:
        """The nodes of the user's bindings, best first. Raises NotPermitted with the reason."""
        path = f"/v1/users/{quote(aor, safe='')}/route"
        pool = gevent.get_hub().threadpool
        try:
            answer: Any = pool.apply(self._client.get, (path,))
        except httpx.HTTPError as error:
            raise NotPermitted(f"dialling.gateway_url: {error}") from error
        if answer.status_code != 200:
            raise NotPermitted(f"user not reachable (the gateway answers {answer.status_code})")
        return list(dict.fromkeys(route["node"] for route in answer.json()["routes"]))

    def close(self) -> None:
        self._client.close()


def endpoint_of(aor: str) -> str:
    """The user in the directory of its own node. Raises NotPermitted."""
    endpoint = dial_string.local(aor)
    if endpoint is None:
        raise NotPermitted("the user's name has characters that no dial string can have")
    return endpoint
