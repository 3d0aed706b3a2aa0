"""In words: the bindings, calls and nodes there are, and the ends that are remembered."""

from collections.abc import Iterator

from operate.explain.explanation import (
    BindingAccount,
    CallAccount,
    EndAccount,
    Explanation,
    NodeAccount,
)
from operate.explain.layout import Page, connection
from operate.explain.narrative import Told
from operate.explain.phrases import LATE, MARKS, OVERDUE, RESTARTED, because, phrase
from schemas.vocabulary import RegistrationKind

# Ends that a person reads at once; `--json` has all that are kept.
_ENDS = 5
_WAYS = {"incoming": "called", "outgoing": "calls"}


class Inventory:
    """Of one explanation, put onto a page."""

    def __init__(self, explanation: Explanation, page: Page) -> None:
        self._of = explanation
        self._page = page

    def tell(self) -> None:
        of, section = self._of, self._page.section
        section("Bindings", of.bindings, self._binding)
        section("Calls", of.calls, self._call)
        section("Nodes", of.nodes, self._node)
        many = len(of.ended) > _ENDS
        section(f"Ended (the last {_ENDS})" if many else "Ended", of.ended[:_ENDS], self._end)

    def _binding(self, one: BindingAccount) -> None:
        page, binding = self._page, one.binding
        # FreeSWITCH keeps the path in the contact; here it has a place of its own.
        page.item(f"{binding.node}  {binding.contact.partition(';fs_path=')[0]}")
        page.detail("; ".join(self._way(one)))
        for mark in one.marks:
            page.detail(MARKS[mark])
        page.detail(f"since {page.at(binding.since)}, {self._opened(one)}")
        if binding.event != binding.opened_by:
            by = self._by(one.confirmed, binding.event)
            page.detail(f"last confirmed {page.at(binding.confirmed_at)} {by}")
        if binding.expires_at is not None:
            page.detail(f"if not renewed the registrar drops it {page.at(binding.expires_at)}")

    def _way(self, one: BindingAccount) -> Iterator[str]:
        binding = one.binding
        yield connection(binding.transport, binding.remote) or "its connection is not known"
        if binding.cookie is not None:
            yield f"kernel socket {binding.cookie}"
        if one.edge is not None:
            yield f"through the edge {one.edge}"
        if one.edge_of is not None:
            yield f"the edge of the binding on {one.edge_of}, and shown as one with it"
        if binding.received is not None:
            yield f"the client itself at {connection(None, binding.received)}"
        if binding.path is not None:
            yield f"path {binding.path}"
        if binding.registrar is not None:
            yield f"registrar {binding.registrar}"
        if binding.user_agent is not None:
            yield f"client {binding.user_agent!r}"

    def _opened(self, one: BindingAccount) -> str:
        by = self._by(one.opened, one.binding.opened_by)
        told = one.opened
        if told is None or self._of.complete or told.kind == RegistrationKind.REGISTERED:
            return f"opened {by}"
        return f"as far as the log goes back; first told {by}"

    def _by(self, told: Told | None, id_: str) -> str:
        if told is None and self._of.skipped:
            return f"by {id_}, which came before what was read (--since)"
        if told is None:
            return f"by {id_}, which is not in the log any more"
        late = ""
        if abs(told.produced - told.at) >= LATE:
            late = f"; came to Kafka {self._page.at(told.produced)}"
        return f"by {id_} ({told.source}: {phrase(told.kind)}{late})"

    def _call(self, one: CallAccount) -> None:
        call, page = one.call, self._page
        way = f", {_WAYS[call.direction]}" if call.direction else ""
        peer = f", peer {call.peer}" if call.peer else ""
        page.item(f"{call.node}  {call.state} since {page.at(call.since)}{way}{peer}")
        call_id = f", Call-ID {call.sip_call_id}" if call.sip_call_id else ""
        page.detail(f"leg {one.leg}{call_id}")
        page.detail(f"told {self._by(one.told, call.event)}")
        if call.node_lost:
            page.detail("out of reach: its node was lost")
        if call.media is not None and call.media.timed_out:
            page.detail(f"its media was lost {page.at(call.media.at)}")

    def _node(self, one: NodeAccount) -> None:
        at = self._page.at
        doubts = list(self._doubts(one))
        if one.down:
            state = "stopped"
        elif one.lost:
            state = "lost: nothing was heard of it for its lease"
        elif doubts:
            state = "in doubt"
        else:
            state = "running" if one.boot else "it told nothing of itself"
        doubt = f" ({', '.join(doubts)})" if doubts else ""
        heard = f"; its clock last told {at(one.heard)}" if one.heard else ""
        self._page.item(f"{one.node}  {state}{doubt}{heard}")

    def _doubts(self, one: NodeAccount) -> Iterator[str]:
        if one.unwatched:
            yield "its producer was stopped"
        if one.gap_at is not None:
            yield f"events up to {self._page.at(one.gap_at)} may be missing"
        if one.stale:
            yield "no listing has come since"

    def _end(self, one: EndAccount) -> None:
        end, page = one.end, self._page
        node, _, identity = one.key.partition("|")
        page.item(f"{node}  {identity}")
        inferred = "; inferred: the source names no binding" if end.inferred else ""
        because_ = f"because {because(end.cause)} ({end.cause}{inferred})"
        latest = " or before" if one.at_latest else ""
        page.detail(f"ended {page.at(one.at)}{latest}, {because_}")
        if end.event.endswith(OVERDUE):
            page.detail("by Rollcall's own timer: the registrar had not said so")
        elif end.event.endswith(RESTARTED):
            page.detail(f"its process had ended before {end.event.removesuffix(RESTARTED)} came")
        else:
            page.detail(self._by(one.told, end.event))
        if one.lost is not None:
            by = f" {self._by(one.lost.told, one.lost.told.id)}" if one.lost.told else ""
            page.detail(f"out of reach since {page.at(one.lost.at)} ({one.lost.mark}){by}")
