"""Assembles one explanation from the published record, the session record and the folded log.

Pure. The answer for now is the published record; where the folded log differs from it, the
explanation lists the differences.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from operate.explain.differences import flags
from operate.explain.explanation import (
    Answer,
    BindingEntry,
    CallEntry,
    Coverage,
    EndEntry,
    Explanation,
    NodeEntry,
    Published,
)
from operate.explain.narrative import Narrative
from operate.explain.phrases import OVERDUE
from operate.explain.published import differences
from operate.explain.records import Span
from operate.explain.refolding import Refolding, session_nodes
from schemas.call_record import CallRecord
from streams.folds import devices
from streams.folds.presence import current
from streams.models import EndedBinding, Presence, Session


def assemble(
    refolding: Refolding,
    spans: list[Span],
    *,
    at: datetime,
    is_now: bool,
    assumed: str = "",
    presence: tuple[Presence, datetime] | None = None,
    record: Session | None = None,
    calls: Iterable[CallRecord] = (),
) -> Explanation:
    """The explanation of the user at `at`.

    `presence` is the record published at that time, and when; `record` is the session as last
    written, for an explanation of now. `calls` are the user's calls: those that had begun by then
    are shown, as they are known now.
    """
    session = refolding.session
    folded = current(session) if session is not None else None
    # For a past time a complete log is better: its change was published milliseconds later.
    is_whole = all(span.complete for span in spans)
    shown = folded if presence is None or (is_whole and not is_now) else presence[0]
    session = record or session or Session(aor=refolding.aor)
    narrative = refolding.narrative
    return Explanation(
        aor=refolding.aor,
        at=at,
        is_now=is_now,
        assumed=assumed,
        answer=_answer(shown),
        published=_published(presence, folded),
        bindings=list(_bindings(session, narrative)),
        ended=[
            _end(key, tombstone, narrative, shown, is_whole=is_whole)
            for key, tombstone in reversed(session.ended.items())
        ],
        calls=[
            CallEntry(leg=leg, call=call, event=narrative.events.get(call.event))
            for leg, call in session.calls.items()
        ],
        call_records=sorted(
            (call for call in calls if call.started <= at),
            key=lambda call: (call.started, call.id),
            reverse=True,
        ),
        nodes=[_node(refolding, node) for node in sorted(session_nodes(session))],
        coverage=[_coverage(span) for span in spans],
        records=narrative.records,
        omitted=narrative.omitted,
        timeline=list(narrative.steps),
        confirmed=[one for one in narrative.counted.values() if one.reason is None],
        ignored=[one for one in narrative.counted.values() if one.reason is not None],
    )


def _coverage(span: Span) -> Coverage:
    return Coverage(
        topic=span.topic.name, complete=span.complete, begins=span.oldest, skipped=span.skipped
    )


def _end(
    key: str,
    tombstone: EndedBinding,
    narrative: Narrative,
    shown: Presence | None,
    *,
    is_whole: bool,
) -> EndEntry:
    """The end as the log has it; where the log does not reach back that far, as the session has it.

    Later reports of the binding move the session's time of the end; the change that was published
    has the time of the end itself.
    """
    known = narrative.ends.get(key)
    if known is not None and (known.known or is_whole or known.end.event == tombstone.event):
        return EndEntry(key=key, end=known.end, at=known.at, event=known.event, lost=known.lost)
    event = narrative.events.get(tombstone.event)
    if event is not None:
        return EndEntry(key=key, end=tombstone, at=event.at, event=event)
    if shown is not None and shown.evidence[:1] == [tombstone.event]:
        return EndEntry(key=key, end=tombstone, at=shown.at, event=None)
    at_latest = not tombstone.event.endswith(OVERDUE)
    return EndEntry(key=key, end=tombstone, at=tombstone.at, event=None, at_latest=at_latest)


def _answer(shown: Presence | None) -> Answer:
    if shown is None:
        return Answer(evidence=[], bindings=[], calls=[])
    return Answer(
        status=shown.status,
        reachable=shown.reachable,
        cause=shown.cause,
        at=shown.at,
        evidence=shown.evidence,
        bindings=shown.bindings,
        calls=shown.calls,
    )


def _published(
    presence: tuple[Presence, datetime] | None, folded: Presence | None
) -> Published | None:
    if presence is None:
        return None
    shown, produced = presence
    return Published(
        version=shown.version, produced=produced, differences=list(differences(shown, folded))
    )


def _bindings(session: Session, narrative: Narrative) -> Iterator[BindingEntry]:
    live = {id(binding): edge for binding, edge in devices.live(session)}
    before = {id(edge): binding for binding, edge in devices.live(session) if edge is not None}
    for key, binding in session.bindings.items():
        edge, behind = live.get(id(binding)), before.get(id(binding))
        yield BindingEntry(
            key=key,
            binding=binding,
            reachable=id(binding) in live,
            marks=flags(binding),
            edge=edge.node if edge is not None else None,
            edge_of=behind.node if behind is not None else None,
            opened=narrative.events.get(binding.opened_by),
            confirmed=narrative.events.get(binding.event),
        )


def _node(refolding: Refolding, name: str) -> NodeEntry:
    heard, node = refolding.clock(name), refolding.nodes.get(name)
    if node is None:
        return NodeEntry(node=name, heard=heard)
    return NodeEntry(
        node=name,
        boot=node.boot,
        heard=node.at if node.lost else heard,
        down=node.down,
        lost=node.lost,
        unwatched=node.unwatched,
        stale=node.stale,
        gap_at=node.gap_at,
    )
