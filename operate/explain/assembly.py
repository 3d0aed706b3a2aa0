"""What was published, what is written and what the log tells -> one explanation.

Pure. What is shown now is what is published; where the log tells otherwise, that is said.
"""

from collections.abc import Iterator
from datetime import datetime

from operate.explain.differences import flags
from operate.explain.explanation import (
    Answer,
    BindingAccount,
    CallAccount,
    Coverage,
    EndAccount,
    Explanation,
    NodeAccount,
    Published,
)
from operate.explain.folding import Retelling, places
from operate.explain.narrative import Account
from operate.explain.phrases import OVERDUE
from operate.explain.records import Span
from schemas.vocabulary import Status
from streams.folds import edges
from streams.folds.presence import current
from streams.models import EndedBinding, Presence, Session


def compose(
    retelling: Retelling,
    spans: list[Span],
    *,
    at: datetime,
    is_now: bool,
    assumed: str = "",
    presence: tuple[Presence, datetime] | None = None,
    record: Session | None = None,
) -> Explanation:
    """`presence`: as published at that moment, and when; `record`: the session as last written."""
    told = retelling.session
    folded = current(told) if told is not None else None
    # Of a past moment a whole log tells best: what it says was published some milliseconds later.
    is_whole = all(span.complete for span in spans)
    shown = folded if presence is None or (is_whole and not is_now) else presence[0]
    session = record or told or Session(aor=retelling.aor)
    account = retelling.account
    return Explanation(
        aor=retelling.aor,
        at=at,
        is_now=is_now,
        assumed=assumed,
        answer=_answer(shown),
        published=_published(presence, folded),
        bindings=list(_bindings(session, account)),
        ended=[
            _end(key, grave, account, shown, is_whole=is_whole)
            for key, grave in reversed(session.ended.items())
        ],
        calls=[
            CallAccount(leg=leg, call=call, told=account.told.get(call.event))
            for leg, call in session.calls.items()
        ],
        nodes=[_node(retelling, node) for node in sorted(places(session))],
        coverage=[_coverage(span) for span in spans],
        records=account.records,
        omitted=account.omitted,
        timeline=list(account.steps),
        confirmed=[one for one in account.counted.values() if one.reason is None],
        ignored=[one for one in account.counted.values() if one.reason is not None],
    )


def _coverage(span: Span) -> Coverage:
    return Coverage(
        topic=span.topic.name, complete=span.complete, begins=span.oldest, skipped=span.skipped
    )


def _end(
    key: str, grave: EndedBinding, account: Account, shown: Presence | None, *, is_whole: bool
) -> EndAccount:
    """As the log tells it; where it does not reach back so far, as the session remembers it.

    The session then moves the time on with what comes later of the binding: that of the change
    that was published is the end's own.
    """
    known = account.ends.get(key)
    if known is not None and (known.known or is_whole or known.end.event == grave.event):
        return EndAccount(key=key, end=known.end, at=known.at, told=known.told, lost=known.lost)
    told = account.told.get(grave.event)
    if told is not None:
        return EndAccount(key=key, end=grave, at=told.at, told=told)
    if shown is not None and shown.evidence[:1] == [grave.event]:
        return EndAccount(key=key, end=grave, at=shown.at, told=None)
    at_latest = not grave.event.endswith(OVERDUE)
    return EndAccount(key=key, end=grave, at=grave.at, told=None, at_latest=at_latest)


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
        version=shown.version, produced=produced, differences=list(_differences(shown, folded))
    )


def _differences(shown: Presence, folded: Presence | None) -> Iterator[str]:
    """What subscribers see otherwise than the log tells. Not since when: a cut log cannot know."""
    status = folded.status if folded else Status.OFFLINE
    reachable = folded.reachable if folded else False
    if shown.status is not status:
        yield f"it says {shown.status}, the log {status}"
    if shown.reachable != reachable:
        yield f"it says {_reach(shown.reachable)}, the log {_reach(reachable)}"
    said = {(b.node, b.contact): b for b in shown.bindings}
    known = {(b.node, b.contact): b for b in folded.bindings} if folded else {}
    for node, contact in sorted(said.keys() - known.keys()):
        yield f"it has a binding on {node} that the log does not tell of: {contact}"
    for node, contact in sorted(known.keys() - said.keys()):
        yield f"the log tells of a binding on {node} that it does not have: {contact}"
    for place in sorted(said.keys() & known.keys()):
        for name in ("transport", "remote", "edge", "path", "suspect", "stale"):
            ours, theirs = getattr(known[place], name), getattr(said[place], name)
            if ours != theirs:
                yield f"of the binding on {place[0]} it has another {name} than the log"
    legs = {call.leg: call.state for call in shown.calls}
    if legs != ({call.leg: call.state for call in folded.calls} if folded else {}):
        yield "it has other calls than the log"


def _reach(reachable: bool) -> str:
    return "reachable" if reachable else "not reachable"


def _bindings(session: Session, account: Account) -> Iterator[BindingAccount]:
    live = {id(binding): edge for binding, edge in edges.live(session)}
    before = {id(edge): binding for binding, edge in edges.live(session) if edge is not None}
    for key, binding in session.bindings.items():
        edge, behind = live.get(id(binding)), before.get(id(binding))
        yield BindingAccount(
            key=key,
            binding=binding,
            reachable=id(binding) in live,
            marks=flags(binding),
            edge=edge.node if edge is not None else None,
            edge_of=behind.node if behind is not None else None,
            opened=account.told.get(binding.opened_by),
            confirmed=account.told.get(binding.event),
        )


def _node(retelling: Retelling, name: str) -> NodeAccount:
    heard, node = retelling.clock(name), retelling.nodes.get(name)
    if node is None:
        return NodeAccount(node=name, heard=heard)
    return NodeAccount(
        node=name,
        boot=node.boot,
        heard=node.at if node.lost else heard,
        down=node.down,
        lost=node.lost,
        unwatched=node.unwatched,
        stale=node.stale,
        gap_at=node.gap_at,
    )
