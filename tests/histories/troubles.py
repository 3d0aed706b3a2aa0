"""What happens to the servers of the simulated cluster: listings, restarts, silences, losses."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import topics
from schemas.origin import Address
from schemas.registration import LiveConnection, RegistrationEvent
from schemas.vocabulary import (
    CallKind,
    CallState,
    Cause,
    ConnectionKind,
    NodeKind,
    RegistrationKind,
    Source,
)
from tests.histories.cluster import EXPIRES, OVERDUE, Cluster
from tests.histories.facts import EDGE, Device, Leg, Uncertainty

AGAIN = 4.0  # seconds to the listing after that which makes up for lost events
LATE_ROWS = 2.0  # seconds for which FreeSWITCH may list what it reported as ended


@dataclass
class Listing:
    """A listing under way: its place in the node's history, and what it has found so far."""

    node: str
    place: tuple[str, int, datetime]
    snapshot: str
    rows: list[tuple[Device, Any]] = field(default_factory=list)
    legs: list[Any] = field(default_factory=list)


@dataclass
class TroubledCluster(Cluster):
    """`listings` have begun and not ended yet. `unnamed`: nodes that report under the name of the
    process before."""

    listings: list[Listing] = field(default_factory=list)
    unnamed: set[str] = field(default_factory=set)
    calls: int = 0
    _gone: list[tuple[float, Device]] = field(default_factory=list)

    def unregister(self, device: Device) -> None:
        super().unregister(device)
        self._gone.append((self.now, device))

    # -- listings ---------------------------------------------------------------------------------

    def list_node(self, name: str) -> None:
        """A complete listing of a node at one moment; a pure proxy's is of its connections."""
        if name == EDGE:
            self.list_connections()
        else:
            self.begin_listing(name)
            self.finish_listing(self.listings[-1])

    def list_connections(self) -> None:
        """What the edge's kernel has, in some records."""
        node = self.nodes[EDGE]
        node.listed += 1
        place = node.place(self.now)
        snapshot = f"{EDGE}-{node.boot}-{node.listed}"
        living = [
            LiveConnection(remote=Address(ip=ip, port=port), cookie=cookie)
            for (ip, port), cookie in self.connections(EDGE).items()
        ]
        parts = self.chance.choice((1, 1, 2))
        for part in range(parts):
            event = node.registration(
                self.now,
                RegistrationKind.CONNECTIONS_LISTED,
                snapshot=snapshot,
                registrar="edge",
                connections=living[part::parts],
                parts=parts,
                part=part,
                hosts=[EDGE],
            )
            event.id, event.source = f"{snapshot}/{part}", Source.OPENSIPS
            event.boot, event.seq, event.at = place
            self.report(EDGE, topics.REGISTRATIONS, EDGE, event)
        for device in self.devices:
            if device.via_edge:
                for cause in (Cause.NODE_CERTAIN, Cause.NODE_UNCERTAIN):
                    self.cause(device.aor, cause)

    def begin_listing(self, name: str) -> None:
        """Registrars list the dead, and for a moment what they reported as ended. One at a time."""
        self.listings = [listing for listing in self.listings if listing.node != name]
        node = self.nodes[name]
        node.listed += 1
        listing = Listing(
            name, node.listing_place(self.now, self.chance), f"{name}-{node.boot}-{node.listed}"
        )
        gone = [
            device
            for at, device in self._gone
            if device.node == name and self.now - at < LATE_ROWS and self.chance.random() < 0.5
        ]
        for number, device in enumerate(self._rows(name, gone)):
            row = self.of_registrar(
                device, RegistrationKind.SNAPSHOT_ROW, name, snapshot=listing.snapshot
            )
            row.id = f"{listing.snapshot}/{number}"
            row.boot, row.seq, row.at = listing.place
            listing.rows.append((device, row))
        listing.legs = [self._leg_row(leg, listing) for leg in self.legs if leg.node == name]
        self.listings.append(listing)

    def listed(self, name: str) -> list[RegistrationEvent]:
        """What a registrar answers when asked: of the dead as well, until they expire."""
        kind = RegistrationKind.SNAPSHOT_ROW
        return [self.of_registrar(device, kind, name) for device in self._rows(name, [])]

    def connections(self, name: str) -> dict[tuple[str, int], int]:
        """What a node's kernel has: peer and cookie of each connection."""
        return {
            (device.remote.ip, device.remote.port): device.cookie
            for device in self.devices
            if device.alive and device.cookie is not None and device.server == name
        }

    def _rows(self, name: str, gone: list[Device]) -> list[Device]:
        """Of each contact the device that registered it last."""
        found = [*gone, *(d for d in self.devices if d.node == name and d.registered)]
        return list({(d.aor, d.contact): d for d in found}.values())

    def finish_listing(self, listing: Listing) -> None:
        """Publish its rows; the kernel is asked about their connections only now."""
        self.listings.remove(listing)
        name, (boot, seq, at) = listing.node, listing.place
        if boot != f"boot-{self.nodes[name].boot}" or name in self.cut_off:
            return  # the event socket broke on the way: no listing
        for device, row in listing.rows:
            gone = self._ask_kernel(device, row)
            row.connection_gone = gone is not None
            self.report(name, topics.REGISTRATIONS, device.aor, row)
            if gone is None:
                self.cause(device.aor, Cause.FOUND_IN_SNAPSHOT)
            else:
                gone.at, gone.id = row.at, f"{row.id}/gone"
                self.report(name, topics.CONNECTIONS, gone.connection, gone)
        end = self.nodes[name].registration(
            self.now, RegistrationKind.SNAPSHOT_ENDED, snapshot=listing.snapshot
        )
        end.id, end.boot, end.seq, end.at = f"{listing.snapshot}/end", boot, seq, at
        self.report(name, topics.REGISTRATIONS, name, end)
        for leg in listing.legs:
            self.report(name, topics.CALLS, leg.aor, leg)
        ended = self.nodes[name].call(self.now, CallKind.SNAPSHOT_ENDED, snapshot=listing.snapshot)
        ended.id, ended.boot, ended.seq, ended.at = f"{listing.snapshot}/legs", boot, seq, at
        self.report(name, topics.CALLS, name, ended)
        for device in self.devices:
            if device.node == name:
                self.cause(device.aor, Cause.MISSING_FROM_SNAPSHOT)
                self.cause(device.aor, Cause.NODE_CERTAIN)

    def _ask_kernel(self, device: Device, row: Any) -> Any:
        """Put the connection's cookie on the row; the kernel's denial if there is none."""
        if device.via_edge or device.cookie is None:
            return None
        for other in self.devices:  # never mind who registered over it
            if (
                other.alive
                and other.cookie is not None
                and (other.server, other.port) == (device.node, device.port)
            ):
                row.cookie = other.cookie
                return None
        row.cookie = None
        node = self.nodes[device.node]
        return node.connection(self.now, ConnectionKind.CLOSED, device.remote, None)

    def _leg_row(self, leg: Leg, listing: Listing) -> Any:
        row = self.nodes[leg.node].call(
            self.now,
            CallKind.SNAPSHOT_ROW,
            aor=leg.aor,
            leg=leg.id,
            state=leg.state,
            snapshot=listing.snapshot,
        )
        row.id = f"{listing.snapshot}/{leg.id}"
        row.boot, row.seq, row.at = listing.place
        return row

    # -- servers ----------------------------------------------------------------------------------

    def restart(self, name: str, *, named: bool = True) -> None:
        """Without a DOWN: connections end unreported, bindings over UDP live on in the database.

        `named`: its producer knows at once that this is another process. Else it reports under the
        name of the one before, as OpenSIPS' does while MI does not answer.
        """
        self.now += 2.0  # what a process needs at least to start
        for device in self.devices:
            if name in (device.server, device.node):
                self.cause(device.aor, Cause.NODE_RESTARTED)  # may be published of what had ended
            if device.server == name and device.cookie is not None:
                device.alive = False
                self.cause(device.aor, Cause.CONNECTION_CLOSED)
            if device.node == name and device.cookie is not None and not device.via_edge:
                device.registered = False
        for leg in [leg for leg in self.legs if leg.node == name]:
            self.legs.remove(leg)
        if named:
            self.identify(name)
        else:
            self.listings = [listing for listing in self.listings if listing.node != name]
            self.unnamed.add(name)
            self._begin_uncertainty(name)
            self.note()

    def identify(self, name: str) -> None:
        """Its producer learns that another process has started, and lists it."""
        node = self.nodes[name]
        node.boot += 1
        node.seq = 0
        if name in self.unnamed:
            self.unnamed.discard(name)
            self._end_uncertainty(name)
            for device in self.devices:
                if name in (device.server, device.node):
                    self.cause(device.aor, Cause.NODE_RESTARTED)
        self.mark(name, NodeKind.UP)
        self.note()
        self.list_node(name)

    def stop(self, name: str) -> None:
        """A registrar ends with a DOWN; the edges before it go on, with their connections."""
        self.listings = [listing for listing in self.listings if listing.node != name]
        for device in self.devices:
            if device.node == name:
                self.cause(device.aor, Cause.NODE_LOST)
            if device.server == name and device.cookie is not None:
                device.alive = device.registered = False
                self.cause(device.aor, Cause.CONNECTION_CLOSED)
        for leg in [leg for leg in self.legs if leg.node == name]:
            self.legs.remove(leg)
        self.mark(name, NodeKind.DOWN)
        self.down.add(name)
        self.note()

    def start(self, name: str) -> None:
        """It is there again, with the rows of its database, or with none."""
        node = self.nodes[name]
        self.now += 2.0
        node.boot += 1
        node.seq = 0
        forgets = self.chance.random() < 0.5
        self.down.discard(name)
        for device in self.devices:
            if device.node == name:
                device.registered = device.registered and not forgets
                self.cause(device.aor, Cause.NODE_RESTARTED)
                self.cause(device.aor, Cause.MISSING_FROM_SNAPSHOT)
        self.mark(name, NodeKind.UP)
        self.note()
        self.list_node(name)

    def troubled(self) -> list[str]:
        """The nodes whose reports do not arrive now."""
        return [name for name in self.nodes if name in self.cut_off]

    def disconnect(self, name: str) -> None:
        """The node is cut off from Kafka: its producers spool their events."""
        self.cut_off |= {name: False, f"{name}-kernel": False}
        self._begin_uncertainty(name)

    def lose(self, name: str) -> None:
        """The registrar's events do not reach its producer, which will learn of it.

        Its kernel's may be lost as well: nothing else reports connections, but the listing asks.
        """
        self.cut_off[name] = True
        if self.chance.random() < 0.4:
            self.cut_off[f"{name}-kernel"] = True
        self._begin_uncertainty(name)

    def end_trouble(self, name: str) -> None:
        """The node's reports arrive again; after a loss it publishes a gap, and is listed."""
        if self.cut_off[name]:
            self.advance(LATE_ROWS)  # the producer connects anew
        lost = self.cut_off.pop(name)
        self.cut_off.pop(f"{name}-kernel", None)
        for report in self.reports:
            if report.source in (name, f"{name}-kernel") and report.held == float("inf"):
                report.held = self.now
        self._touch(name)
        self.mark(name, NodeKind.GAP if lost else NodeKind.HEARTBEAT)
        if lost:
            self.list_node(name)
        if lost and name == EDGE:
            self.advance(AGAIN)
            self.list_node(name)
        self._end_uncertainty(name)

    def _end_uncertainty(self, name: str) -> None:
        for one in self.uncertain:
            if one.node == name and one.over == float("inf"):
                # What an edge reported that long ago has expired without an event.
                is_long = self.now - one.begun > EXPIRES
                one.over = self.now + (OVERDUE if is_long else 0)

    def _begin_uncertainty(self, name: str) -> None:
        self.uncertain.append(Uncertainty(name, self.now))
        self._touch(name)

    def _touch(self, name: str) -> None:
        """Causes that may be published of users whose node reports nothing."""
        for device in self.devices:
            if name in (device.node, device.server):
                for cause in (Cause.NODE_LOST, Cause.NODE_RESTORED, Cause.NODE_UNCERTAIN):
                    self.cause(device.aor, cause)

    # -- calls ------------------------------------------------------------------------------------

    def ring(self, device: Device) -> Leg:
        """A call to the user, or by the user, through the device's registrar."""
        self.calls += 1
        leg = Leg(device.aor, device.node, f"leg-{self.calls}", CallState.RINGING)
        self.legs.append(leg)
        self._report_call(leg, CallKind.TRYING)
        self._report_call(leg, CallKind.RINGING)
        self.cause(leg.aor, Cause.CALL_RINGING)
        return leg

    def turn(self, leg: Leg) -> None:
        """Answer it, hold it, or take it off hold."""
        if leg.state is CallState.HELD:
            leg.state, kind, cause = CallState.ANSWERED, CallKind.RESUMED, Cause.CALL_RESUMED
        elif leg.state is CallState.ANSWERED:
            leg.state, kind, cause = CallState.HELD, CallKind.HELD, Cause.CALL_HELD
        else:
            leg.state, kind, cause = CallState.ANSWERED, CallKind.ANSWERED, Cause.CALL_ANSWERED
        self._report_call(leg, kind)
        self.cause(leg.aor, cause)

    def hang_up(self, leg: Leg) -> None:
        self.legs.remove(leg)
        self._report_call(leg, CallKind.ENDED)
        self.cause(leg.aor, Cause.CALL_ENDED)

    def _report_call(self, leg: Leg, kind: CallKind) -> None:
        event = self.nodes[leg.node].call(self.now, kind, aor=leg.aor, leg=leg.id, call=leg.id)
        self.report(leg.node, topics.CALLS, leg.aor, event)
