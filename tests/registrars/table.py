"""The registrar's own table, asked for on behalf of all scripts in flight at once."""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

_TOKEN = re.compile(r"q[0-9]+z", re.IGNORECASE)
_PATIENCE = 20.0


class Row(NamedTuple):
    """One contact that the registrar counts on, as it has it. What it does not list is None."""

    aor: str
    contact: str
    call_id: str
    cseq: int | None = None
    port: int | None = None  # the client's
    path: str | None = None
    # Whether its connection has ended, where the registrar itself shows which one it has.
    is_dead: bool | None = None


_PORT = re.compile(r"127\.0\.0\.1[:~]([0-9]+)")


def client_port(*texts: str | None) -> int | None:
    """The port of the first text that names a client's address: all of them are on loopback."""
    for text in texts:
        if found := _PORT.search(text or ""):
            return int(found[1])
    return None


Table = dict[str, list[Row]]  # by the script's token


def token_of(text: str) -> str | None:
    """The script that an AOR belongs to."""
    found = _TOKEN.search(text)
    return found[0].lower() if found else None


def by_token(rows: Iterable[Row]) -> Table:
    table: Table = defaultdict(list)
    for row in rows:
        if token := token_of(row.aor):
            table[token].append(row)
    return table


class TablePoller:
    """One thread that lists whenever somebody waits; `after` shares each listing."""

    def __init__(self, fetch: Callable[[], Table], pause: float = 0.02) -> None:
        self._fetch = fetch
        self._pause = pause
        self._changed = threading.Condition()
        self._wanted = 0.0  # listings that began before this are too old for somebody
        self._began = 0.0
        self._table: Table = {}
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="table", daemon=True)
        self._thread.start()

    def after(self, moment: float) -> Table:
        """A listing that began after this time (monotonic). Raises what made listing fail."""
        with self._changed:
            self._wanted = max(self._wanted, moment)
            self._changed.notify_all()
            if not self._changed.wait_for(
                lambda: self._began > moment or self._failure is not None, _PATIENCE
            ):
                raise TimeoutError("the registrar does not list its table")
            if self._failure is not None:
                raise self._failure
            return self._table

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping or self._wanted >= self._began)
                    if self._stopping:
                        return
                began = time.monotonic()
                table = self._fetch()
                with self._changed:
                    self._began, self._table = began, table
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._stopping, self._pause)
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
