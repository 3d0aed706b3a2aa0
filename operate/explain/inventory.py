"""The printed inventory: the bindings, calls and nodes there are, and the ends remembered."""

from collections.abc import Iterator

from operate.call_phrases import ended_by, state, talked, with_whom
from operate.explain.events import ReportedEvent
from operate.explain.explanation import (
    BindingEntry,
    CallEntry,
    EndEntry,
    Explanation,
    NodeEntry,
)
from operate.explain.layout import Page, connection
from operate.explain.phrases import LATE, OVERDUE, RESTARTED
from schemas.call_record import CallRecord
from schemas.phrases import MARKS, because, phrase
from schemas.vocabulary import RegistrationKind

# Ends and call records that are printed; `--json` has all that are kept.
_ENDS = 5
_RECORDS = 5
_WAYS = {"incoming": "called", "outgoing": "calls"}


class Inventory:
    """Writes one explanation's inventory to a page."""

    def __init__(self, explanation: Explanation, page: Page) -> None:
        self._of = explanation
        self._page = page

    def write(self) -> None:
        """Write bindings, calls, call records, nodes and ends, each as a section."""
        of, section = self._of, self._page.section
        section("Bindings", of.bindings, self._binding)
        section("Calls", of.calls, self._call)
        section(self._records_title(), of.call_records[:_RECORDS], self._record)
        section("Nodes", of.nodes, self._node)
        many = len(of.ended) > _ENDS
        section(f"Ended (the last {_ENDS})" if many else "Ended", of.ended[:_ENDS], self._end)

    def _binding(self, one: BindingEntry) -> None:
        page, binding = self._page, one.binding
        # FreeSWITCH keeps the Path in the contact; it is printed as a detail of its own.
        page.item(f"{binding.node}  {binding.contact.partition(';fs_path=')[0]}")
        page.detail("; ".join(self._way(one)))
        for mark in one.marks:
            page.detail(MARKS[mark])
        page.detail(f"since {page.at(binding.since)}, {self._opened(one)}")
        if binding.event != binding.opened_by:
            by = self._by(one.confirmed, binding.event)
            page.detail(f"last confirmed {page.at(binding.confirmed_at)} {by}")
        if binding.expires_at is not None:
            page.detail(f"expires {page.at(binding.expires_at)} unless renewed")

    def _way(self, one: BindingEntry) -> Iterator[str]:
        binding = one.binding
        yield connection(binding.transport, binding.remote) or "its connection is not known"
        if binding.cookie is not None:
            yield f"kernel socket {binding.cookie}"
        if one.edge is not None:
            yield f"through the edge {one.edge}"
        if one.edge_of is not None:
            yield f"the edge of the binding on {one.edge_of}, shown as one device with it"
        if binding.received is not None:
            yield f"client's own address {connection(None, binding.received)}"
        if binding.path is not None:
            yield f"path {binding.path}"
        if binding.registrar is not None:
            yield f"registrar {binding.registrar}"
        if binding.user_agent is not None:
            yield f"client {binding.user_agent!r}"

    def _opened(self, one: BindingEntry) -> str:
        by = self._by(one.opened, one.binding.opened_by)
        event = one.opened
        if event is None or self._of.complete or event.kind == RegistrationKind.REGISTERED:
            return f"opened {by}"
        return f"as far as the log goes back; first reported {by}"

    def _by(self, event: ReportedEvent | None, id_: str) -> str:
        if event is None and self._of.skipped:
            return f"by {id_}, which is older than what was read (--since)"
        if event is None:
            return f"by {id_}, which is no longer in the log"
        late = ""
        if abs(event.produced - event.at) >= LATE:
            late = f"; arrived in Kafka {self._page.at(event.produced)}"
        return f"by {id_} ({event.source}: {phrase(event.kind)}{late})"

    def _call(self, one: CallEntry) -> None:
        call, page = one.call, self._page
        way = f", {_WAYS[call.direction]}" if call.direction else ""
        peer = f", peer {call.peer}" if call.peer else ""
        page.item(f"{call.node}  {call.state} since {page.at(call.since)}{way}{peer}")
        call_id = f", Call-ID {call.sip_call_id}" if call.sip_call_id else ""
        page.detail(f"leg {one.leg}{call_id}")
        page.detail(f"reported {self._by(one.event, call.event)}")
        if call.node_lost:
            page.detail("not reachable: its node was lost")
        if call.media is not None and call.media.timed_out:
            page.detail(f"media lost {page.at(call.media.at)}")

    def _records_title(self) -> str:
        many = len(self._of.call_records) > _RECORDS
        then = "" if self._of.is_now else ", as they are known now"
        return f"Call records{f' (the last {_RECORDS})' if many else ''}{then}"

    def _record(self, one: CallRecord) -> None:
        """A call as the calls stage joined it, over all nodes."""
        page = self._page
        with_ = with_whom(one, self._of.aor)
        length = talked(one, self._of.at)
        page.item(
            f"{page.at(one.started)}  {with_}: {state(one)}{f', talked {length}' if length else ''}"
        )
        if one.ended is not None:
            by = ended_by(one)
            page.detail(f"ended {page.at(one.ended)}{f' by {by}' if by else ''}")
        if one.at_risk:
            page.detail("at risk: a connection or the media is lost, and nobody has hung up")
        page.detail(f"nodes {', '.join(one.nodes)}; call {one.id}")

    def _node(self, one: NodeEntry) -> None:
        at = self._page.at
        uncertain = list(self._uncertainties(one))
        if one.down:
            state = "stopped"
        elif one.lost:
            state = "lost: no event of it came within its lease"
        elif uncertain:
            state = "uncertain"
        else:
            state = "running" if one.boot else "state not known"
        why = f" ({', '.join(uncertain)})" if uncertain else ""
        heard = f"; latest time of its clock {at(one.heard)}" if one.heard else ""
        self._page.item(f"{one.node}  {state}{why}{heard}")

    def _uncertainties(self, one: NodeEntry) -> Iterator[str]:
        if one.unwatched:
            yield "its producer was stopped"
        if one.gap_at is not None:
            yield f"events up to {self._page.at(one.gap_at)} may be missing"
        if one.stale:
            yield "no listing has come since"

    def _end(self, one: EndEntry) -> None:
        end, page = one.end, self._page
        node, _, identity = one.key.partition("|")
        page.item(f"{node}  {identity}")
        inferred = "; inferred: the source names no binding" if end.inferred else ""
        because_ = f"because {because(end.cause)} ({end.cause}{inferred})"
        latest = " or before" if one.at_latest else ""
        page.detail(f"ended {page.at(one.at)}{latest}, {because_}")
        if end.event.endswith(OVERDUE):
            page.detail("by Rollcall's own timer: the registrar had not reported it")
        elif end.event.endswith(RESTARTED):
            page.detail(f"its process had ended before {end.event.removesuffix(RESTARTED)} arrived")
        else:
            page.detail(self._by(one.event, end.event))
        if one.lost is not None:
            by = f" {self._by(one.lost.event, one.lost.event.id)}" if one.lost.event else ""
            page.detail(f"not reachable since {page.at(one.lost.at)} ({one.lost.mark}){by}")
