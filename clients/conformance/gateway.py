"""What a gateway must do: state and changes in order, cursors, narrow subscriptions, clear errors.

With `--kafka` the checks change users of their own, in a domain of this run's own, and remove them
afterwards; without it what needs a change is skipped.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from clients.conformance.report import Check, Failed, Skipped
from clients.conformance.stream import SECONDS, Stream, get
from clients.conformance.users import Users

# A cursor is due a second after a change; and some time for a busy machine.
_CURSOR_SECONDS = 2.0


def expect(condition: bool, what: str) -> None:
    """Raises Failed."""
    if not condition:
        raise Failed(what)


class GatewayChecks:
    """The checks, each a method; they share the users, and each makes its own changes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.url: str = options.url.rstrip("/")
        self.other: str = (options.other or options.url).rstrip("/")
        self.token: str | None = options.token
        self.users = Users(options.kafka, options.namespace)
        self.headers = {"authorization": f"Bearer {self.token}"} if self.token else {}

    # -- parts ------------------------------------------------------------------------------------
    def stream(self, query: str, url: str = "", **headers: str) -> "closing[Stream]":
        address = f"{url or self.url}/presence?{query}"
        return closing(Stream(address, {**self.headers, **headers}))

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return get(self.url + path, self.headers)

    @contextmanager
    def web_socket(self, query: str) -> Iterator[ClientConnection]:
        address = f"ws{self.url.removeprefix('http')}/presence/ws?{query}"
        with connect(address, additional_headers=self.headers, proxy=None) as socket:
            yield socket

    def wait_read(self, name: str, url: str = "") -> None:
        """Until the gateway has the user's version."""
        aor = self.users.aor(name)
        deadline = time.monotonic() + SECONDS
        while True:
            status, content = get(f"{url or self.url}/presence/{aor}", self.headers)
            if status == 200 and content["version"] == self.users.versions.get(aor):
                return
            expect(time.monotonic() < deadline, f"GET /presence/{aor}: {status} {content}")
            time.sleep(0.02)

    @property
    def domain(self) -> str:
        return f"domain={self.users.domain}"

    # -- state and changes ------------------------------------------------------------------------
    def state_then_live(self) -> None:
        """The state comes first, then `live` with a cursor"""
        with self.stream("domain=nobody.invalid") as stream:
            versions, removed, live = stream.until_live()
        expect(versions == {} and removed == [], f"users of no domain: {versions}")
        expect(live.get("resumed") is False and bool(live.get("cursor")), f"live: {live}")
        expect(stream.last_id == live["cursor"], f"its id is {stream.last_id!r}")

    def changes_in_order(self) -> None:
        """Changes come in order, each version once"""
        last = self.users.change("order")
        self.wait_read("order")
        with self.stream(f"aor={self.users.aor('order')}") as stream:
            versions, _, _ = stream.until_live()
            expect(versions == {self.users.aor("order"): last}, f"the state is {versions}")
            for _ in range(20):
                last = self.users.change("order")
            found = stream.until(lambda _, content: content.get("version") == last)
        seen = [content["version"] for name, content in found if name == "presence"]
        expect(seen == sorted(set(seen)), f"versions {seen}")

    def removals(self) -> None:
        """A removed user is sent as `removed`, and has no record any more"""
        self.users.change("gone")
        self.wait_read("gone")
        with self.stream(self.domain) as stream:
            stream.until_live()
            self.users.remove("gone")
            stream.until(lambda name, _: name == "removed")
        status, _ = self.get(f"/presence/{self.users.aor('gone')}")
        expect(status == 404, f"GET of a removed user: {status}")

    def cursors_while_things_change(self) -> None:
        """A cursor comes at least every second while things change"""
        self.users.change("busy")
        self.wait_read("busy")
        with self.stream(f"{self.domain}&cursor=") as stream:
            stream.until_live()
            began = last = time.monotonic()
            while time.monotonic() < began + 4:
                self.users.change("busy")
                for at, name, _ in stream.events():
                    if name == "cursor":
                        gap, last = at - last, at
                        expect(gap <= _CURSOR_SECONDS, f"{gap:.1f} s without a cursor")
                    elif name == "presence":
                        break
                time.sleep(0.05)
            expect(last > began, "no cursor came")
        expect(all("@" not in one for one in stream.ids), f"ids that are no cursors: {stream.ids}")

    # -- resuming ---------------------------------------------------------------------------------
    def _cut(self, query: str) -> str:
        """The last id of a stream that was cut after a change."""
        with self.stream(query) as stream:
            stream.until_live()
            last = self.users.change("before")
            stream.until(lambda _, content: content.get("version") == last)
            stream.until(lambda name, _: name == "cursor")
        return stream.last_id

    def resumes(self) -> None:
        """Only what is newer is sent, by another gateway too, by header and by query"""
        for name in ("before", "kept", "newer"):
            self.users.change(name)
            self.wait_read(name)
        cursor = self._cut(self.domain)
        newer = self.users.change("newer")
        self.wait_read("newer", self.other)
        old = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
        for query, headers in (
            (self.domain, {"last-event-id": cursor}),
            (f"{self.domain}&cursor={cursor}", {}),
            (f"{self.domain}&cursor={old}", {"last-event-id": cursor}),
        ):
            with self.stream(query, self.other, **headers) as stream:
                versions, removed, live = stream.until_live()
            expect(live.get("resumed") is True, f"live: {live}")
            expect(versions == {self.users.aor("newer"): newer}, f"it sent {versions}")
            expect(removed == [], f"it sent removals of {removed}")

    def resumes_with_removals(self) -> None:
        """A resume sends removals, before a user who begins again"""
        for name in ("before", "left", "again"):
            self.users.change(name, version=9)
            self.wait_read(name)
        cursor = self._cut(self.domain)
        self.users.remove("left")
        self.users.remove("again")
        self.users.change("again")
        self.wait_read("again", self.other)
        with self.stream(self.domain, self.other, **{"last-event-id": cursor}) as stream:
            versions, removed, live = stream.until_live()
        expect(live.get("resumed") is True, f"live: {live}")
        expect(set(removed) == {self.users.aor("left"), self.users.aor("again")}, f"{removed}")
        expect(versions == {self.users.aor("again"): 1}, f"it sent {versions}")

    def does_not_resume(self) -> None:
        """An id that is no cursor, or one of other users, brings the whole state"""
        self.users.change("whole")
        self.wait_read("whole")
        with self.stream("domain=nobody.invalid") as stream:
            _, _, live = stream.until_live()
        for id_ in (f"{self.users.aor('whole')}/1", "anything", live["cursor"]):
            with self.stream(self.domain, **{"last-event-id": id_}) as stream:
                versions, _, live = stream.until_live()
            expect(live.get("resumed") is False, f"live for {id_!r}: {live}")
            expect(versions == self.users.versions, f"it sent {versions}")

    # -- narrow subscriptions ---------------------------------------------------------------------
    def narrow(self) -> None:
        """`fields` and `only=reachable` send nothing else"""
        self.users.change("online")
        self.users.change("offline", reachable=False)
        self.wait_read("online")
        self.wait_read("offline")
        with self.stream(f"{self.domain}&only=reachable&fields=status") as stream:
            found = stream.until(lambda name, _: name == "live")
            records = {c["aor"]: c for name, c in found if name == "presence"}
            expect(self.users.aor("offline") not in records, "a user who is not reachable")
            keys = {*records[self.users.aor("online")]}
            expect(keys == {"aor", "version", "status"}, f"fields {keys}")
            self.users.change("online", reachable=False)
            *_, (_, left) = stream.until(lambda name, _: name == "removed")
        expect(left.get("reason") == "unreachable", f"{left}")

    def web_socket_users(self) -> None:
        """A WebSocket watches more users and fewer; an error does not close it"""
        aor, version = self.users.aor("added"), self.users.change("added")
        self.wait_read("added")
        with self.web_socket("watch=named") as socket:

            def received() -> dict[str, Any]:
                while True:
                    content: dict[str, Any] = json.loads(socket.recv(SECONDS))
                    if content.get("event") != "cursor":
                        return content

            expect((live := received()).get("event") == "live", f"{live} is no `live`")
            socket.send("no JSON")
            expect((error := received()).get("event") == "error", f"{error} is no `error`")
            socket.send(json.dumps({"add": [aor, "x"], "id": 1}))
            expect((error := received()).get("field") == "add[1]", f"{error}: no field add[1]")
            socket.send(json.dumps({"add": [aor], "id": 2}))
            expect((state := received()).get("version") == version, f"{state} is no state")
            expect((answer := received()).get("id") == 2, f"{answer} is no answer")
            socket.send(json.dumps({"remove": [aor], "id": 3}))
            expect((answer := received()).get("watched") == 0, f"{answer}: still watched")

    # -- errors -----------------------------------------------------------------------------------
    def bad_requests(self) -> None:
        """A wrong request gets 400 with the field, an unknown user 404"""
        for query, field in (
            ("aor=nobody", "aor"),
            ("domain=a@b", "domain"),
            ("cursor=!", "cursor"),
            ("fields=nothing", "fields"),
            ("only=online", "only"),
            ("aors=sip:a@b", "aors"),
        ):
            status, content = self.get(f"/presence?{query}")
            expect((status, content.get("field")) == (400, field), f"{query}: {status} {content}")
        status, _ = self.get("/presence/sip:nobody@nobody.invalid")
        expect(status == 404, f"an unknown user: {status}")

    def tokens(self) -> None:
        """Without its token nothing is served"""
        if self.token is None:
            raise Skipped("needs --token")
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": self.token}):
            for path in ("/presence", "/presence/sip:nobody@nobody.invalid"):
                status, _ = get(self.url + path, headers)
                expect(status == 401, f"{path} with {headers or 'none'}: {status}")


def checks(options: argparse.Namespace) -> list[Check]:
    """The checks of a gateway; what they wrote is removed by the last one."""
    found = GatewayChecks(options)
    methods: list[Callable[[], None]] = [
        found.state_then_live,
        found.changes_in_order,
        found.removals,
        found.cursors_while_things_change,
        found.resumes,
        found.resumes_with_removals,
        found.does_not_resume,
        found.narrow,
        found.web_socket_users,
        found.bad_requests,
        found.tokens,
    ]

    def last(run: Callable[[], None]) -> Callable[[], None]:
        def then() -> None:
            try:
                run()
            finally:
                found.users.remove_all()

        return then

    *others, end = methods
    names = [(method.__doc__ or "").splitlines()[0] for method in methods]
    return [Check(name, run) for name, run in zip(names, [*others, last(end)], strict=True)]
