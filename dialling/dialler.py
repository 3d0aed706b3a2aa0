"""From commands to calls: one greenlet a call, each key once, offsets committed when it is over."""

import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import gevent
from gevent import Greenlet

from dialling.caller import Caller
from dialling.errors import DiallingError, NodeAway, NotPermitted, Unsafe
from dialling.memory import Memory, Resumption, resumption
from dialling.node import Node
from dialling.originate import call_uuid, marker
from dialling.permission import Permission
from dialling.results import Results
from dialling.settings import DiallingSettings
from dialling.whereabouts import Whereabouts
from runtime import logs
from schemas.dialling import DialCommand, DialResult
from schemas.vocabulary import DialOutcome, DialState

log = logs.get(__name__)

_NODE_POLL_SECONDS = 0.1


class Dialler:
    """All of one process's calls. `done` reports a command whose call is over, by its place."""

    def __init__(
        self,
        settings: DiallingSettings,
        memory: Memory,
        results: Results,
        nodes: dict[str, Node],
        whereabouts: Whereabouts,
    ) -> None:
        self._settings, self._memory, self._results = settings, memory, results
        self._nodes, self._whereabouts = nodes, whereabouts
        self._permission = Permission(
            settings.destinations,
            rate=settings.rate,
            burst=settings.burst,
            calls_max=settings.calls_max,
            per_client=settings.calls_max_per_client,
        )
        self._running: dict[int, dict[str, Greenlet]] = defaultdict(dict)
        self.failure: BaseException | None = None
        self.outcomes: defaultdict[str, int] = defaultdict(int)
        self.repeats = 0

    @property
    def running(self) -> int:
        """Calls under way."""
        return sum(map(len, self._running.values()))

    def accept(self, command: DialCommand, partition: int, done: Any) -> None:
        """Begin or resume the command's call, or recognise a repeat; `done()` when it is over."""
        running = self._running[partition]
        last = self._memory.find(command.key, datetime.now(UTC))
        if command.key in running or (last is not None and last.state is DialState.ENDED):
            self.repeats += 1
            done()
            return
        greenlet = gevent.spawn(self._carry_out, command, partition, last)
        running[command.key] = greenlet
        greenlet.link(lambda one: self._over(one, command, partition, done))

    def revoke(self, partition: int) -> None:
        """Another process has the partition: drive its calls no more, and leave them alive."""
        gevent.killall(list(self._running.pop(partition, {}).values()))
        self._memory.forget_partition(partition)

    def close(self) -> None:
        """Drive no call any more; the next start goes on with those that live."""
        for partition in list(self._running):
            self.revoke(partition)

    def _over(self, greenlet: Greenlet, command: DialCommand, partition: int, done: Any) -> None:
        self._running[partition].pop(command.key, None)
        if isinstance(greenlet.value, gevent.GreenletExit):
            return
        if greenlet.exception is not None:
            self.failure = greenlet.exception
            return
        self.outcomes[greenlet.value] += 1
        done()

    # -- one call, in its greenlet -----------------------------------------------------------------
    def _carry_out(self, command: DialCommand, partition: int, last: DialResult | None) -> str:
        def publish(result: DialResult) -> None:
            self._results.put(partition, result)

        if last is None:
            try:
                self._permission.begin(command, time.monotonic())
            except NotPermitted as error:
                return self._refuse(_accepted(command, None), str(error), publish)
            last = _accepted(command, command.gateway or self._settings.gateway)
            publish(last)
        else:
            self._permission.resume(command.client)
        try:
            return self._on_node(command, last, publish)
        except (NotPermitted, Unsafe) as error:
            return self._refuse(last, str(error), publish)
        except DiallingError as error:
            return self._refuse(last, str(error), publish, DialOutcome.FAILED)
        finally:
            self._permission.end(command.client)

    def _on_node(self, command: DialCommand, last: DialResult, publish: Any) -> str:
        if last.gateway is None:
            raise NotPermitted("no gateway: dialling.gateway, or the command's own")
        node, found = self._found_on(command, last)
        caller = Caller(node, command, self._settings.plan(command), publish, last)
        match found:
            case Resumption.CALL:
                result = caller.call(last.gateway)
            case Resumption.ADOPT:
                result = caller.adopt()
            case Resumption.END:
                result = caller.end(DialOutcome.FAILED, "the service stopped while digits went out")
            case Resumption.GONE:
                result = caller.end(DialOutcome.FAILED, "it ended while the service was away")
        return str(result.outcome)

    def _found_on(self, command: DialCommand, last: DialResult) -> tuple[Node, Resumption]:
        """The call's node, connected, and what to do there."""
        while True:
            node = self._await_node(command, last)
            if last.state is DialState.ACCEPTED:
                return node, Resumption.CALL
            try:
                return node, self._resumption(node, last)
            except NodeAway:
                gevent.sleep(_NODE_POLL_SECONDS)

    def _resumption(self, node: Node, last: DialResult) -> Resumption:
        lives = node.exists(last.call)
        is_marked = node.has_variable(marker(last.call))
        found = resumption(last, boot=node.boot, lives=lives, is_marked=is_marked)
        log.info("resuming", key=last.key, node=node.name, found=found.name.lower())
        return found

    def _await_node(self, command: DialCommand, last: DialResult) -> Node:
        """The node, connected. Raises NotPermitted, NodeAway."""
        candidates = self._candidates(command, last.node or command.node)
        deadline = command.at.timestamp() + self._settings.command_max_age_seconds
        while time.time() < deadline or last.state is not DialState.ACCEPTED:
            for node in candidates:
                if node.connected.is_set():
                    return node
            gevent.sleep(_NODE_POLL_SECONDS)
        raise NodeAway("no node was connected in time (dialling.command_max_age_seconds)")

    def _candidates(self, command: DialCommand, wanted: str | None) -> list[Node]:
        """The node that is named, or those where the user is reachable, or any."""
        names = [wanted] if wanted else list(self._nodes)
        if wanted is None and command.user is not None:
            names = self._whereabouts.nodes_of(command.user)
        found = [self._nodes[name] for name in names if name in self._nodes]
        if not found:
            raise NotPermitted(f"no node in dialling.nodes of {', '.join(names) or 'none'}")
        return found

    def _refuse(
        self,
        last: DialResult,
        cause: str,
        publish: Any,
        outcome: DialOutcome = DialOutcome.REFUSED,
    ) -> str:
        last.state, last.outcome, last.cause = DialState.ENDED, outcome, cause
        last.at = datetime.now(UTC)
        publish(last)
        log.warning("not dialled", key=last.key, client=last.client, cause=cause)
        return str(outcome)


def _accepted(command: DialCommand, gateway: str | None) -> DialResult:
    return DialResult(
        key=command.key,
        call=call_uuid(command.key),
        client=command.client,
        at=datetime.now(UTC),
        asked_at=command.at,
        state=DialState.ACCEPTED,
        user=command.user,
        gateway=gateway,
        number=command.number,
        digits=len(command.extension),
        timeline=[],
    )
