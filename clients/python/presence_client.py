"""A subscriber of Rollcall's gateway, to copy or to learn from: one file, only Python's library.

    for aor, record in Presence("https://presence.example.com", "domain=example.com").changes():
        print(aor, record["status"] if record else "no record")

It reconnects by itself, with its cursor, and each change comes out once (docs/subscribing.md).
`python presence_client.py URL [QUERY]` prints each change as a line of JSON.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

Record = dict[str, Any]
Change = tuple[str, Record | None]

# Seconds between attempts: doubled after each that did not get to `live`, and drawn at random.
_PAUSE_MIN = 1.0
_PAUSE_MAX = 30.0
# Answers that stay the same however often one asks.
_FINAL = frozenset({400, 403, 404, 405, 406, 421})
# There may be others one day.
_EVENTS = frozenset({"presence", "removed", "live", "cursor", "expired"})


class Refused(Exception):
    """The gateway will not serve this: the query or the token is wrong. `status` is HTTP's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


class _Cut(Exception):
    """The connection ended, or what came over it was no event; try again."""


class Presence:
    """Keeps `users`, by AOR, as the gateway has them."""

    def __init__(
        self,
        url: str,
        query: str = "",
        token: Callable[[bool], str | None] = lambda _renew: None,
        idle_seconds: float = 45.0,
        log: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`token` returns the bearer token, a new one where `renew` is true: the last was refused
        or has expired. Without a byte for `idle_seconds` (three keep-alives) it reconnects.
        """
        self.users: dict[str, Record] = {}
        self.cursor = ""
        self._url = f"{url.rstrip('/')}/presence?{query}"
        self._token = token
        self._renew = False
        self._was_renewed = False
        self._idle_seconds = idle_seconds
        self._log = log
        self._retry = _PAUSE_MIN
        self._attempts = 0
        # What came before `live`: nothing of it counts if the connection ends before.
        self._fresh: list[Change] | None = None
        # A proxy would buffer the stream; use `urllib.request.build_opener` where one is needed.
        self._open = build_opener(ProxyHandler({})).open

    def changes(self) -> Iterator[Change]:
        """Each change of a user, (AOR, record), or (AOR, None) where there is no record any more.

        Ends never; raises Refused.
        """
        while True:
            after = 0.0
            try:
                # The response is closed before the next one is opened.
                with self._connect() as response:
                    yield from self._read(response)
            except HTTPError as error:
                with error:
                    after = self._refused(error)
            except (_Cut, URLError, HTTPException, OSError) as error:
                self._log(f"disconnected: {error!r}")
            time.sleep(max(after, self._pause()))

    # -- one connection ---------------------------------------------------------------------------
    def _connect(self) -> HTTPResponse:
        # With `cursor` in the query no event has another id than a cursor.
        request = Request(f"{self._url}&cursor={quote(self.cursor)}")
        request.add_header("Accept", "text/event-stream")
        if (token := self._token(self._renew)) is not None:
            request.add_header("Authorization", f"Bearer {token}")
        self._was_renewed, self._renew, self._fresh = self._renew, False, []
        response: HTTPResponse = self._open(request, timeout=self._idle_seconds)
        return response

    def _read(self, response: HTTPResponse) -> Iterator[Change]:
        fields: dict[str, str] = {}
        data: list[str] = []
        while line := response.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if not text:
                if data:
                    yield from self._event(fields.get("event", ""), "\n".join(data))
                fields, data = {}, []
            elif name == "data":
                data.append(value)
            elif name == "retry" and value.isdigit():
                self._retry = int(value) / 1000
            else:  # a comment has no name
                fields[name] = value
        raise _Cut("the stream ended")

    def _event(self, event: str, data: str) -> Iterator[Change]:
        if event not in _EVENTS:
            return
        try:
            content = json.loads(data)
        except ValueError as error:
            raise _Cut(f"no JSON: {data[:80]!r}") from error
        if event == "presence":
            yield from self._take(content["aor"], content)
        elif event == "removed":
            yield from self._take(content["aor"], None)
        elif event == "live":
            yield from self._become_live(content)
        elif event == "cursor":
            self.cursor = content["cursor"]
        elif event == "expired":
            self._renew = True
            raise _Cut("the token has expired")

    # -- the users --------------------------------------------------------------------------------
    def _take(self, aor: str, record: Record | None) -> Iterator[Change]:
        if self._fresh is not None:
            self._fresh.append((aor, record))
        elif record is None:
            if self.users.pop(aor, None) is not None:
                yield aor, None
        elif aor not in self.users or record["version"] > self.users[aor]["version"]:
            self.users[aor] = record
            yield aor, record

    def _become_live(self, content: Record) -> Iterator[Change]:
        fresh, self._fresh, self._attempts = self._fresh or [], None, 0
        if not content.get("resumed"):
            # What was sent is all there is, also where it is older than what was known.
            state = {aor: record for aor, record in fresh if record is not None}
            for aor in [aor for aor in self.users if aor not in state]:
                yield from self._take(aor, None)
            for aor, record in state.items():
                if self.users.get(aor, {}).get("version", 0) > record["version"]:
                    del self.users[aor]
            fresh = list(state.items())
        for change in fresh:
            yield from self._take(*change)
        self.cursor = content.get("cursor", "")

    # -- between connections ----------------------------------------------------------------------
    def _refused(self, error: HTTPError) -> float:
        """Seconds to wait at least. Raises Refused where to try again is of no use."""
        body = error.read(10_000).decode("utf-8", "replace")
        self._log(f"{error.code}: {body}")
        if error.code == 400 and self.cursor and '"cursor"' in body:
            self.cursor = ""
        elif error.code == 401 and not self._was_renewed:
            self._renew = True
        elif error.code in _FINAL or error.code == 401:
            raise Refused(error.code, body)
        after = error.headers.get("Retry-After", "")
        return float(after) if after.isdigit() else 0.0

    def _pause(self) -> float:
        longest = min(_PAUSE_MAX, self._retry * 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 10)
        return random.uniform(longest / 2, longest)


def _token_in_file(_renew: bool) -> str | None:
    path = os.environ.get("ROLLCALL_TOKEN_FILE")
    return Path(path).read_text().strip() if path else None


def main() -> int:
    url, query = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    idle = float(os.environ.get("ROLLCALL_IDLE_SECONDS", "45"))

    def log(text: object) -> None:
        sys.stderr.write(f"{text}\n")

    try:
        for aor, record in Presence(url, query, _token_in_file, idle, log).changes():
            sys.stdout.write(json.dumps({"aor": aor, "record": record}) + "\n")
            sys.stdout.flush()
    except Refused as error:
        log(error)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
