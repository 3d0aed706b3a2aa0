"""The settings that a one-machine stack gives its stages: addresses, folders, own secrets."""

import base64
import os
import secrets
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.network import usual_port
from runtime.kafka import KafkaSettings, SecurityProtocol
from runtime.settings import load
from sinks.gateway.settings import GatewaySettings

USER_CENTER_PORT = 8095
GATEWAY_PORT = 8096

# What the settings of another cluster would change, as an isolated stack's broker needs it.
OWN_KAFKA: dict[str, Any] = {
    "namespace": "",
    "replication_factor": 1,
    "security_protocol": SecurityProtocol.PLAINTEXT,
    "sasl_mechanism": "",
}


class StackEnvironment:
    """That of a stack in one folder; ports and secrets are known once `of_stages` was called."""

    def __init__(self, folder: Path, *, isolated: bool, report: Callable[[str], None]) -> None:
        """`isolated`: with a Kafka and a chDB of its own even where the settings name others."""
        self._folder = folder
        self._isolated = isolated
        self._report = report
        self.user_center_url = ""
        self._user_center_token = ""
        self.gateway_url = ""
        self.gateway_token: str | None = None

    def of_kafka(self, kafka: KafkaSettings) -> dict[str, str]:
        """Of every stage: the Kafka it uses, and where it keeps what it must not lose."""
        own = OWN_KAFKA if self._isolated else {"namespace": kafka.namespace}
        settings = {"bootstrap_servers": kafka.bootstrap_servers} | own
        return {
            # Over a settings file, and over KAFKA_BOOTSTRAP_SERVERS.
            **{f"ROLLCALL_KAFKA_{name.upper()}": str(value) for name, value in settings.items()},
            "ROLLCALL_STREAMS_DATA_FOLDER": str(self._folder / "streams"),
            # Stable over restarts, and different for each folder: several may use one cluster.
            "ROLLCALL_STREAMS_INSTANCE": str(uuid5(NAMESPACE_URL, self._folder.resolve().as_uri())),
            "ROLLCALL_PUBLISHER_SPOOL_FOLDER": str(self._folder / "spool"),
        }

    def of_stages(self, stages: Collection[str]) -> dict[str, str]:
        """More of these stages: folders, ports, the user center's secret. Raises BadSettings."""
        environment = {}
        if self._isolated:
            environment["ROLLCALL_CLICKHOUSE_URL"] = ""
        if self._isolated or not os.environ.get("ROLLCALL_CLICKHOUSE_URL"):
            environment["ROLLCALL_CLICKHOUSE_FOLDER"] = str(self._folder / "clickhouse")
        if "reference-user-center" in stages:
            environment |= self._of_user_center()
        if "gateway" in stages:
            environment |= self._of_gateway()
        return environment

    def document(self) -> dict[str, Any]:
        """What of it belongs into stack.json."""
        return {
            "clickhouse": (not self._isolated and os.environ.get("ROLLCALL_CLICKHOUSE_URL"))
            or str(self._folder / "clickhouse"),
            "user_center": self.user_center_url or None,
            "user_center_token": self._user_center_token or None,
            "gateway": self.gateway_url or None,
            "gateway_token": self.gateway_token,
        }

    def _of_user_center(self) -> dict[str, str]:
        port = usual_port(USER_CENTER_PORT, "the user center", self._report)
        self.user_center_url = f"http://127.0.0.1:{port}"
        secret = self._kept("user-center.secret", _new_webhook_secret)
        self._user_center_token = self._kept("user-center.token", secrets.token_urlsafe)
        return {
            "ROLLCALL_REFERENCE_USER_CENTER_PORT": str(port),
            "ROLLCALL_REFERENCE_USER_CENTER_DATA": str(self._folder),
            "ROLLCALL_REFERENCE_USER_CENTER_SECRET": secret,
            "ROLLCALL_REFERENCE_USER_CENTER_TOKEN": self._user_center_token,
            "ROLLCALL_USER_CENTER_URL": f"{self.user_center_url}/presence",
            "ROLLCALL_USER_CENTER_SECRET": secret,
        }

    def _of_gateway(self) -> dict[str, str]:
        port = usual_port(GATEWAY_PORT, "the gateway", self._report)
        self.gateway_url = f"http://127.0.0.1:{port}"
        self.gateway_token = load(GatewaySettings).token_of_everything()
        return {"ROLLCALL_GATEWAY_HOST": "127.0.0.1", "ROLLCALL_GATEWAY_PORT": str(port)}

    def _kept(self, name: str, new: Callable[[], str]) -> str:
        """A secret of this folder, made once and readable only by its owner."""
        path = self._folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(new())
        return path.read_text().strip()


def _new_webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
