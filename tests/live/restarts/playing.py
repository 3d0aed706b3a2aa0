"""Plays a scenario once: phones register, something ends and comes back, some phones with it.

Half of the phones leave while it is away, the others register as soon as they can. Right is who has
registered, at the node and behind the edge they came through, and nobody else, at any time.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from schemas.presence import Presence
from tests.eventually import eventually
from tests.integration.sip_client import SipClient
from tests.integration.sip_cluster import Cluster, Node
from tests.live.clusters import EDGE, NODE, EdgeCluster, LiveCluster
from tests.live.restarts.scenarios import Scenario, Where

DEADLINE_SECONDS = 20.0
# For so long what was right has to stay so.
_STEADY_SECONDS = 2.0
_CONNECT_SECONDS = 30.0
_POLL_SECONDS = 0.02
# Below those that the kernel gives to clients.
_own_ports = itertools.cycle(range(20_000, 30_000))


@dataclass(slots=True)
class Outcome:
    """`seconds` from the last REGISTER's answer, or the producers' return, until all was right."""

    seconds: float
    wrong: list[str]


class Player:
    """One run of a scenario at a running cluster; `users` are free."""

    def __init__(self, cluster: LiveCluster | EdgeCluster, users: list[str]) -> None:
        self._cluster: Cluster = cluster
        self._nodes: dict[Where, Node] = {}
        if isinstance(cluster, EdgeCluster):
            self._nodes = {"registrar": cluster.registrar, "edge": cluster.edge}
        else:
            self._nodes = {"registrar": cluster.node}
        self._port = cluster.server.port
        self._place = (NODE, EDGE if isinstance(cluster, EdgeCluster) else None)
        self._users = users
        self._has_own_ports = False
        self._phones: dict[str, SipClient] = {}
        self._histories: dict[str, list[Presence]] = {}

    def play(self, scenario: Scenario) -> Outcome:
        # On loopback a port is soon the next client's; who used it before, nobody has seen then.
        self._has_own_ports = scenario.blind
        try:
            return self._play(scenario)
        finally:
            for phone in self._phones.values():
                phone.close()

    def _play(self, scenario: Scenario) -> Outcome:
        gone, back = self._users[::2], self._users[1::2]
        early = gone + back if scenario.server else back[::2]
        for user in early:
            self._register(user)
        if late := self._until(self._shown, early):
            return Outcome(DEADLINE_SECONDS, [f"{user}: not online at first" for user in late])
        self._end(scenario)
        self._read()
        before = {user: len(self._history(user)) for user in self._users}
        returned = threading.Thread(target=self._come_back, args=(scenario, gone, back))
        returned.start()
        if scenario.server:
            self._nodes[scenario.server].server.start()
        returned.join()
        self._start_producers(scenario)
        if not scenario.server:
            self._leave(gone)
        began = time.monotonic()
        wrong = [f"{user}: not shown" for user in self._until(self._shown, back)]
        wrong += [f"{user}: shown" for user in self._until(self._unreachable, gone)]
        seconds = time.monotonic() - began
        self._watch(_STEADY_SECONDS)
        wrong += [f"{user}: shown at last" for user in gone if not self._unreachable(user)]
        wrong += [f"{user}: not shown at last" for user in back if not self._shown(user)]
        if scenario.server:
            wrong += self._flashes(gone, before)
        wrong += self._flaps(back, before)
        self._leave(back)
        wrong += [f"{user}: shown after all left" for user in self._until(self._unreachable, back)]
        return Outcome(seconds, wrong)

    def _end(self, scenario: Scenario) -> None:
        for where in scenario.producers:
            self._nodes[where].producer.kill()
            if scenario.blind:
                self._nodes[where].watcher.kill()
        if scenario.server:
            getattr(self._nodes[scenario.server].server, scenario.how)()

    def _start_producers(self, scenario: Scenario) -> None:
        for where in scenario.producers:
            if scenario.blind:
                self._nodes[where].watcher.start()
            self._nodes[where].producer.start()

    def _come_back(self, scenario: Scenario, gone: list[str], back: list[str]) -> None:
        if scenario.server:
            self._leave(gone)
        else:
            for user in gone:  # they register while nobody hears of it, and leave later
                self._register(user)
            if scenario.blind:
                self._leave(gone[::2])
        for user in back:
            self._register(user)

    def _leave(self, users: Iterable[str]) -> None:
        for user in users:
            self._phones[user].close()

    def _register(self, user: str) -> None:
        """Again until it is accepted, as phones do: over the same connection while that lives."""
        deadline = time.monotonic() + _CONNECT_SECONDS
        while time.monotonic() < deadline:
            try:
                if user not in self._phones:
                    self._phones[user] = SipClient(self._port, user, port=self._next_port())
                    self._phones[user].socket.settimeout(3)
                self._phones[user].register()
                return
            except TimeoutError:
                continue  # no answer yet
            except (OSError, AssertionError) as error:
                is_closed = isinstance(error, OSError) or "closed the connection" in str(error)
                if is_closed and user in self._phones:
                    self._phones.pop(user).close()
            time.sleep(0.001)
        raise AssertionError(f"{user} could not register")

    def _read(self) -> None:
        self._histories = self._cluster.histories()

    def _history(self, user: str) -> list[Presence]:
        return self._histories.get(user, [])

    def _next_port(self) -> int:
        return next(_own_ports) if self._has_own_ports else 0

    def _shown(self, user: str) -> bool:
        history = self._history(user)
        return bool(history) and self._is_right(history[-1])

    def _is_right(self, state: Presence) -> bool:
        places = [(b.node, b.edge) for b in state.bindings if not b.stale]
        return state.reachable and places == [self._place]

    def _unreachable(self, user: str) -> bool:
        history = self._history(user)
        return not history or not history[-1].reachable

    def _flashes(self, users: list[str], before: dict[str, int]) -> list[str]:
        """Who has left and was shown once more."""
        found = []
        for user in users:
            left = [state.reachable for state in self._history(user)[before[user] :]]
            if False in left and True in left[left.index(False) :]:
                found.append(f"{user}: shown again, and had left")
        return found

    def _flaps(self, users: list[str], before: dict[str, int]) -> list[str]:
        """Who has come back and was out of reach once more."""
        found = []
        for user in users:
            since = self._history(user)[before[user] :]
            reached = [state.reachable for state in since]
            ends = sum(1 for one, next_ in itertools.pairwise(reached) if one > next_)
            if ends > (1 if reached and reached[0] else 0):
                found.append(f"{user}: out of reach again: {[str(s.cause) for s in since]}")
        return found

    def _until(self, holds: Callable[[str], bool], users: Iterable[str]) -> list[str]:
        """Of whom it does not hold at the deadline."""
        left = list(users)

        def all_hold() -> bool:
            self._read()
            left[:] = [user for user in left if not holds(user)]
            return not left

        with contextlib.suppress(AssertionError):
            eventually(all_hold, DEADLINE_SECONDS, _POLL_SECONDS)
        return left

    def _watch(self, seconds: float) -> None:
        """Read on for so long: what was right may change yet."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read()
            time.sleep(_POLL_SECONDS)
