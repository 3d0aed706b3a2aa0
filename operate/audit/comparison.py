"""Compares listings of nodes with presence → disagreements. Pure.

Each binding is counted at most once, even if several things are wrong with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from operate.audit import excuses
from operate.audit.edge_excuses import why_dead_behind
from operate.audit.edges import Edges
from operate.audit.findings import Disagreement, Excuse, Findings, Kind, Limits
from operate.audit.listing import Listing, Row
from operate.audit.pairing import is_same_binding, pair, take
from operate.audit.user import User, identity_of
from schemas.presence import Presence, PresenceBinding
from schemas.session import Session


def compare(
    listings: Mapping[str, Listing],
    presence: Mapping[str, Presence],
    sessions: Mapping[str, Session],
    limits: Limits,
) -> Findings:
    """Compare the nodes of `listings` with presence by AOR; the sessions give reasons.

    Bindings that presence shows at other nodes are not checked.
    """
    findings = Findings()
    edges = Edges(listings)
    rows: dict[str, list[Row]] = {}
    for node, listing in listings.items():
        findings.bindings[node] += len(listing.rows)
        findings.disagreements += [
            Disagreement(Kind.UNREADABLE, node, one.aor, one.contact, one.reason)
            for one in listing.unreadable
        ]
        for row in listing.rows:
            rows.setdefault(row.event.aor or "", []).append(row)
    concerned: dict[str, list[PresenceBinding]] = {}
    for aor, record in presence.items():
        for one in record.bindings:
            edges.add(one)
        if aor in rows or any({one.node, one.edge} & listings.keys() for one in record.bindings):
            concerned[aor] = [one for one in record.bindings if record.reachable]
    for aor in sorted(rows.keys() | concerned.keys()):
        findings.users += 1
        session = sessions.get(aor) or Session(aor=aor)
        shown = concerned.get(aor, [])
        user = User(aor, rows.get(aor, []), shown, session, listings, limits, edges)
        _Comparison(user, findings).run()
    findings.excused = +findings.excused  # without those with a count of zero
    return findings


@dataclass(slots=True)
class _Comparison:
    """Compares one user, and adds what it finds to `findings`."""

    user: User
    findings: Findings

    def run(self) -> None:
        pairs, unlisted, unshown = pair(self.user)
        for shown, row in pairs:
            self._check_pair(shown, row)
        for row in unshown:
            assessment = excuses.why_unshown(self.user, row)
            if isinstance(assessment, Excuse):
                self.findings.excused[assessment] += 1
            elif assessment is not None:
                self._report_missing(row, assessment, unlisted)
        for shown in unlisted:
            self._check_unlisted(shown)
        for shown in self.user.shown:
            if shown.node not in self.user.listings:  # its edge may have been asked
                self._check_edge(shown)

    def _report_missing(self, row: Row, why: str, unlisted: list[PresenceBinding]) -> None:
        """Report a listed binding as missing, or the unlisted one that it really is."""
        user, event = self.user, row.event
        contact = event.contact or ""

        def is_moved(shown: PresenceBinding) -> bool:
            return shown.node != event.node and identity_of(shown.contact) == identity_of(contact)

        def is_changed(shown: PresenceBinding) -> bool:
            return is_same_binding(user, shown, row)

        def is_moved_and_changed(shown: PresenceBinding) -> bool:
            known = user.known(shown)
            call_id = known[1].call_id if known else None
            return shown.node != event.node and call_id is not None and call_id == event.call_id

        if changed := take(unlisted, is_changed):
            self._check_pair(changed, row)
        elif moved := take(unlisted, is_moved) or take(unlisted, is_moved_and_changed):
            self._report(Kind.WRONG_NODE, event.node, contact, f"shown at {moved.node}")
        else:
            self._report(Kind.MISSING, event.node, contact, why)

    def _check_pair(self, shown: PresenceBinding, row: Row) -> None:
        dead = excuses.why_dead(self.user, shown, row)
        different = excuses.differences(self.user, shown, row)
        if dead:
            self._report(Kind.DEAD_CONNECTION, shown.edge or shown.node, shown.contact, dead)
        elif different and shown.stale:
            self.findings.excused[Excuse.STALE] += 1
        elif different:
            self._report(Kind.DIFFERENT, shown.node, shown.contact, "; ".join(different))
        else:
            self._check_edge(shown)

    def _check_unlisted(self, shown: PresenceBinding) -> None:
        assessment = excuses.why_unlisted(self.user, shown)
        if not isinstance(assessment, Excuse):
            self._report(Kind.PHANTOM, shown.node, shown.contact, assessment)
        elif assessment is not Excuse.NO_TABLE or not self._is_dead(shown):
            self.findings.excused[assessment] += 1

    def _check_edge(self, shown: PresenceBinding) -> None:
        """Check a device at its edge: its registrar agrees, or was not asked."""
        if shown.edge is None:
            self._check_unreported_edge(shown)
            return
        if shown.edge not in self.user.listings:
            self.findings.excused[Excuse.EDGE_NOT_ASKED] += 1
            return
        assessment = excuses.why_unlisted_at_edge(self.user, shown)
        if isinstance(assessment, Excuse):
            self.findings.excused[assessment] += 1
        elif assessment is not None:
            self._report(Kind.PHANTOM, shown.edge, shown.contact, assessment)
        elif shown.node not in self.user.listings:
            self._is_dead(shown)

    def _check_unreported_edge(self, shown: PresenceBinding) -> None:
        """Check a device that no edge reported: it may have come through one all the same."""
        node, assessment = why_dead_behind(self.user, shown)
        if isinstance(assessment, Excuse):
            self.findings.excused[assessment] += 1
        elif assessment is not None:
            self._report(Kind.DEAD_CONNECTION, node, shown.contact, assessment)

    def _is_dead(self, shown: PresenceBinding) -> bool:
        """Whether its connection is known to be gone, which is reported then; it has no row."""
        dead = excuses.why_dead(self.user, shown, None)
        if dead is None:
            return False
        self._report(Kind.DEAD_CONNECTION, shown.edge or shown.node, shown.contact, dead)
        return True

    def _report(self, kind: Kind, node: str, contact: str, detail: str) -> None:
        self.findings.disagreements.append(Disagreement(kind, node, self.user.aor, contact, detail))
