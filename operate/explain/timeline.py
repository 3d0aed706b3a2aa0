"""The printed timeline: what happened, what only confirmed, what was ignored and why."""

from operate.explain.events import Counted, Effect, Step, What
from operate.explain.explanation import Explanation
from operate.explain.layout import Page, count
from operate.explain.phrases import LATE, reason
from schemas.phrases import MARKS, because, phrase
from schemas.vocabulary import NodeKind, Status

# Steps that are printed; `--json` has all that are kept.
_STEPS = 12


class Timeline:
    """Writes one explanation's timeline to a page."""

    def __init__(self, explanation: Explanation, page: Page) -> None:
        self._of = explanation
        self._page = page

    def write(self) -> None:
        """Write the steps, then the events that changed nothing."""
        of, page = self._of, self._page
        steps = of.timeline[-_STEPS:]
        missing = of.omitted + len(of.timeline) - len(steps)
        before = f" (after {count(missing, 'other event')})" if missing else ""
        page.section(f"What happened, by time of arrival in Kafka{before}", steps, self._step)
        page.section("Confirmed, without a change", of.confirmed, self._confirmed)
        page.section("Ignored, and why", of.ignored, self._ignored)

    def _step(self, step: Step) -> None:
        page, by = self._page, step.by
        if by is None or by.kind == NodeKind.HEARTBEAT:
            page.item(f"{page.at(step.at)}  time passed")
        else:
            page.item(f"{page.at(step.at)}  {by.source} on {by.node}: {phrase(by.kind)}")
        for effect in step.effects:
            page.detail(f"- {_effect(effect)}")
        for shown in step.shown:
            where = f", {count(shown.bindings, 'binding')}" if shown.reachable else ""
            if not shown.reachable and shown.status is not Status.OFFLINE:
                where = ", not reachable"
            page.detail(f"→ shown {shown.status}{where} ({shown.cause})")
        if by is not None:
            late = abs(by.produced - by.at) >= LATE
            page.detail(f"[{by.id}]" + (f" happened {page.at(by.at)}" if late else ""))

    def _confirmed(self, one: Counted) -> None:
        last = one.examples[-1]
        what = f"{one.count} × {phrase(one.kind)}"
        self._page.item(f"{what}; the last {self._page.at(last.produced)} [{last.id}]")

    def _ignored(self, one: Counted) -> None:
        page = self._page
        page.item(f"{one.count} × {phrase(one.kind)}")
        page.detail(f"{reason(one.reason or '')} ({one.reason})")
        if one.why is not None:
            page.detail(one.why)
        for event in reversed(one.examples):
            delay = event.produced - event.at
            late = f", {delay.total_seconds():.1f} s late" if delay >= LATE else ""
            page.detail(f"{page.at(event.at)}{late} [{event.id}]")


def _effect(effect: Effect) -> str:
    node, bar, identity = effect.subject.partition("|")
    over = f", {effect.where}" if effect.where else ""
    if not bar:
        return f"call {_call(effect)}{over}: leg {effect.subject}"
    return f"binding on {node} {_binding(effect)}: {identity}{over}"


def _binding(effect: Effect) -> str:
    detail = effect.detail or ""
    match effect.what:
        case What.OPENED:
            return "opened"
        case What.MOVED:
            return "moved to another connection"
        case What.FLAGGED:
            return MARKS[detail]
        case What.CLEARED:
            return f"is no longer {detail}"
        case What.REMEMBERED:
            return f"was not known; its end was recorded: {because(detail)}"
        case What.CERTAIN:
            return f"has certainly ended, because {because(detail)}"
        case _:
            return f"ended, because {because(detail)}"


def _call(effect: Effect) -> str:
    match effect.what:
        case What.CALL:
            return effect.detail or ""
        case What.CALL_LOST:
            return "not reachable: its node was lost"
        case What.CALL_BACK:
            return "reachable again"
        case What.MEDIA_LOST:
            return "without media"
        case What.MEDIA_BACK:
            return "has media again"
        case _:
            return "ended"
