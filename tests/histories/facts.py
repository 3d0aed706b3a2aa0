"""What is true of a SIP cluster: its devices, their connections and calls, at every moment."""

from bisect import bisect_right
from dataclasses import dataclass, field

from schemas.origin import Address
from schemas.vocabulary import CallState, Cause, Status, Transport

EDGE, REGISTRARS = "edge1", ("fs1", "fs2")
_Places = frozenset[tuple[str, int]]  # node and the client's port


@dataclass(eq=False)
class Device:
    """A client with one binding. `alive`: its connection is; over UDP always."""

    user: str
    node: str
    port: int
    cookie: int | None  # of its connection; None over UDP
    call_id: str
    via_edge: bool
    name: str | None = None  # its own in contacts, as browsers have; else its port
    registered: bool = True
    alive: bool = True
    left: bool = False  # the client has registered elsewhere since, and does no more here
    expires: float = 0.0

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@example.test"

    @property
    def contact(self) -> str:
        host = f"{self.name}.invalid" if self.name else f"10.0.0.7:{self.port}"
        return f"sip:{self.user}@{host};transport={self.transport}"

    @property
    def transport(self) -> Transport:
        return Transport.TCP if self.cookie is not None else Transport.UDP

    @property
    def remote(self) -> Address:
        return Address(ip="10.0.0.7", port=self.port)

    @property
    def server(self) -> str:
        """Where its connection ends."""
        return EDGE if self.via_edge else self.node


@dataclass(eq=False)
class Leg:
    """A user's end of a call that has not ended."""

    aor: str
    node: str
    id: str
    state: CallState


@dataclass
class Uncertainty:
    """From `begun` to `over` a node reported nothing, or its reports were lost."""

    node: str
    begun: float
    over: float = float("inf")


@dataclass
class Facts:
    """`happened`: of each user, when each cause first did."""

    now: float = 1.0
    devices: list[Device] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    happened: dict[str, dict[Cause, float]] = field(default_factory=dict)
    uncertain: list[Uncertainty] = field(default_factory=list)
    down: set[str] = field(default_factory=set)  # registrars that have stopped
    _moves: dict[str, list[tuple[float, _Places, _Places]]] = field(default_factory=dict)

    def reachable(self, *, though_down: bool = False) -> dict[str, set[tuple[str, int]]]:
        """Of each reachable user, node to send to and the client's port.

        `though_down`: also through registrars that have stopped.
        """
        found: dict[str, set[tuple[str, int]]] = {}
        for device in self.devices:
            if device.node in self.down and not though_down:
                continue  # where to send is what counts, whatever an edge before it does
            if device.registered and (device.alive or self._is_back(device)):
                found.setdefault(device.aor, set()).add((device.node, device.port))
        return found

    def is_unclear(self, device: Device) -> bool:
        """Whether only a connection that its client has left may still reach it, its own or a later
        one from the same port, to an edge that has one binding of the client, a newer.

        The registrar that it has left still reaches it so; whether that is known is not promised.
        """
        if not (device.left and device.via_edge and device.registered):
            return False
        newest = [one for one in self.devices if one.via_edge and one.call_id == device.call_id][-1]
        return device.alive or (self._is_back(device) and newest.port != device.port)

    def _is_back(self, device: Device) -> bool:
        """Whether the edge reaches it again under the address it had: by another connection."""
        return device.via_edge and any(
            one.alive and one.via_edge and (one.call_id, one.port) == (device.call_id, device.port)
            for one in self.devices
        )

    def status(self, aor: str) -> Status:
        states = {leg.state for leg in self.legs if leg.aor == aor}
        if aor not in self.reachable():
            if CallState.ANSWERED in states:
                return Status.ON_THE_PHONE
            return Status.HELD if CallState.HELD in states else Status.OFFLINE
        if CallState.ANSWERED in states:
            return Status.ON_THE_PHONE
        if states & {CallState.RINGING, CallState.EARLY}:
            return Status.RINGING
        return Status.HELD if CallState.HELD in states else Status.ONLINE

    def note(self) -> None:
        """Remember who is reachable where. Called after every act.

        What happens to a client while its registrar is down shows when that is back: it counts,
        for a source that reports it late knows of it no sooner.
        """
        reachable, beyond = self.reachable(), self.reachable(though_down=True)
        for aor in {device.aor for device in self.devices}:
            moves = self._moves.setdefault(aor, [])
            places = frozenset(reachable.get(aor, ())), frozenset(beyond.get(aor, ()))
            if places != (moves[-1][1:] if moves else (frozenset(), frozenset())):
                moves.append((self.now, *places))

    def since(self, aor: str, at: float) -> tuple[bool, float]:
        """Whether the user was reachable at a moment, and since when in the same places."""
        moves = self._moves.get(aor, [])
        passed = bisect_right(moves, at, key=lambda move: move[0])
        return (bool(moves[passed - 1][1]), moves[passed - 1][0]) if passed else (False, 0.0)

    def is_uncertain(self, aor: str, at: float, late: float) -> bool:
        """Whether no report, at most `late` seconds late, could show the user's state at a moment.

        A device may be forgotten by then: whoever was ever on the node counts.
        """
        nodes = {n for d in self.devices if d.aor == aor for n in (d.node, d.server)}
        return any(d.node in nodes and d.begun <= at <= d.over + late for d in self.uncertain)

    def cause(self, aor: str, cause: Cause) -> None:
        self.happened.setdefault(aor, {}).setdefault(cause, self.now)
