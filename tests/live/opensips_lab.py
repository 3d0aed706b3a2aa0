"""A real OpenSIPS with its real producer in this process, and the streams without Kafka."""

from collections.abc import Sequence
from threading import Thread
from typing import Any

import httpx

from producers.opensips.settings import OpenSipsSettings
from producers.opensips.stage import OpenSipsProducer
from producers.sip_proxy.mi import HttpMi
from runtime.stage import Stage
from schemas.presence import Presence
from tests.eventually import eventually
from tests.integration.sip_client import DOMAIN, SipClient
from tests.live.opensips_server import OpenSipsServer
from tests.unit.opensips_capture import Collector
from tests.unit.pipeline import Pipeline


class _Publisher(Collector):
    """The producer's publisher: each record is folded as it comes."""

    def status(self) -> dict[str, Any]:
        return {}


class Device(SipClient):
    """A client whose REGISTERs name whatever contacts the test writes."""

    def __init__(self, server_port: int, user: str, *, udp: bool = True) -> None:
        super().__init__(server_port, user, udp=udp)
        self.header: str | None = None

    def contacts(self) -> str:
        return self.header if self.header is not None else super().contacts()

    def registers(self, header: str | None = None, expires: int = 600) -> str:
        """The server's final answer, whatever it is."""
        self.header = header
        return self._ask(expires)


class Lab:
    """`settings` are the producer's own; `has_mi` whether it may ask."""

    def __init__(self, server: OpenSipsServer, *, has_mi: bool = True, **settings: Any) -> None:
        self.server, self._settings = server, settings
        self.mi = HttpMi(server.mi_url, "3.x", 5)
        self._has_mi = has_mi
        self._clients: list[SipClient] = []
        self.pipeline = Pipeline()
        self.start()

    def start(self) -> None:
        """Start the producer (again); it knows nothing then."""
        self.publisher = _Publisher(self.pipeline)
        self.stage = Stage("opensips")
        settings = OpenSipsSettings(
            node="os1",
            listen_stream=f"127.0.0.1:{self.server.events}",
            listen_datagram=None,
            mi_url=self.server.mi_url if self._has_mi else None,
            kernel="off",
            **{"snapshot_interval_seconds": 3600, **self._settings},
        )
        publisher: Any = self.publisher
        self.producer = OpenSipsProducer(settings, publisher, self.stage)
        self._thread = Thread(target=self.producer.run, daemon=True)
        self._thread.start()
        if self._has_mi:
            eventually(lambda: self.producer.status()["mi_answers"], what="MI answers")

    def stop_producer(self) -> None:
        self.stage.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self.stop_producer()
        self.server.stop()

    def device(self, user: str, *, udp: bool = True) -> Device:
        client = Device(self.server.port, user, udp=udp)
        self._clients.append(client)
        return client

    def listed(self, user: str) -> list[str]:
        """What usrloc holds of the user, but for what it has deleted already."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "ul_show_contact"}
        parameters = {"table_name": "location", "aor": f"{user}@{DOMAIN}"}
        answer = httpx.post(
            self.server.mi_url, json=body | {"params": parameters}, trust_env=False
        ).json()
        rows = answer.get("result", {}).get("Contacts", [])
        return sorted(r["Contact"] for r in rows if r["Expires"] not in ("deleted", "expired"))

    def presence(self, aor: str) -> Presence | None:
        found = [p for p in list(self.pipeline.published) if p.aor == aor]
        return found[-1] if found else None

    def shown(self, user: str, *, aor: str | None = None) -> list[str]:
        """The contacts that subscribers read."""
        found = self.presence(aor or f"sip:{user}@{DOMAIN}")
        return sorted(b.contact for b in found.bindings) if found else []

    def is_shown(self, user: str, contacts: list[str] | None = None) -> None:
        """Wait until the user has these contacts, or any."""

        def shown() -> bool:
            found = self.shown(user)
            return found == contacts if contacts is not None else bool(found)

        eventually(shown, what=f"{user} at {contacts}")

    def raises_more_than(self, count: int) -> None:
        """Wait until so many events have come, and more."""
        eventually(lambda: self.producer.intake.events > count)

    def agrees(self, user: str, seconds: float = 2.0) -> None:
        """Presence shows what usrloc lists, within the time the source needs."""

        def agree() -> bool:
            return self.shown(user) == self.listed(user)

        try:
            eventually(agree, seconds)
        except AssertionError:
            raise AssertionError(
                f"{user}: shown {self.shown(user)}, listed {self.listed(user)}; "
                f"{[r.event.kind for r in self.publisher.records]}"
            ) from None

    def events(self, *names: str) -> Sequence[Any]:
        return [r.event for r in self.publisher.records if r.topic.name.endswith(names)]
