"""A real Prometheus (Debian's) that scrapes stages of a test every second."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from local.network import free_port
from tests.eventually import eventually

PROGRAM = shutil.which("prometheus")
# What Grafana makes of `$__rate_interval` here.
WINDOW = "30s"
_CONFIGURATION = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: rollcall
    file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]
"""


class Prometheus:
    """Runs in `folder`; `scrape` names what it scrapes from then on."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        self._folder = folder
        (folder / "prometheus.yml").write_text(_CONFIGURATION)
        self.scrape([])
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "prometheus.log").open("w")
        self._process = subprocess.Popen(
            [
                PROGRAM,
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=self._log,
            stderr=self._log,
        )
        eventually(self._is_ready, 30, what="Prometheus is ready")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def scrape(self, urls: Iterable[str]) -> None:
        """Scrape these, and no others."""
        targets = [url.removeprefix("http://") for url in urls]
        draft = self._folder / "targets.draft"
        draft.write_text(json.dumps([{"targets": targets}]))
        draft.replace(self._folder / "targets.json")

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression as a dashboard writes it, now."""
        query = expression.replace("$__rate_interval", WINDOW)
        answer = httpx.get(
            f"{self.url}/api/v1/query", params={"query": query}, timeout=10, trust_env=False
        ).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def __enter__(self) -> "Prometheus":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()
