"""An explanation as text: the answer, then the inventory and the timeline."""

from collections.abc import Iterator

from operate.explain.explanation import Explanation
from operate.explain.inventory import Inventory
from operate.explain.layout import Page, full
from operate.explain.timeline import Timeline
from schemas.phrases import Change, headline


def render(explanation: Explanation, width: int = 100) -> list[str]:
    """The lines of the text, at most `width` columns each, unless an id or address is longer."""
    page = Page(width, explanation.at)
    answer = (
        *_headline(explanation, page),
        _time(explanation),
        *_agreement(explanation),
        *_coverage(explanation),
    )
    for sentence in answer:
        page.text(sentence)
    Inventory(explanation, page).write()
    Timeline(explanation, page).write()
    return page.lines


def _headline(of: Explanation, page: Page) -> Iterator[str]:
    answer = of.answer
    if answer.cause is None or answer.at is None:
        is_, has = ("is", "has") if of.is_now else ("was", "had")
        yield f"{of.aor} {is_} offline: it {has} never been reachable, as far as the log goes back."
        return
    devices = len(answer.bindings) if answer.reachable else None
    change = Change(answer.status, answer.cause, page.at(answer.at))
    yield from headline(of.aor, change, devices, is_now=of.is_now)
    if answer.evidence:
        yield f"Evidence: {', '.join(answer.evidence)}"


def _time(of: Explanation) -> str:
    scope = "now" if of.is_now else "from what had arrived in Kafka by then"
    assumed = f" {of.assumed}." if of.assumed else ""
    zone = "All times are UTC; events have the time of their node's clock."
    return f"At {full(of.at)}: {scope}.{assumed} {zone}"


def _agreement(of: Explanation) -> Iterator[str]:
    published = of.published
    if published is None:
        if of.is_now:
            yield "No presence of this user is published: this is folded from the log alone."
        return
    record = "published record" if of.is_now else "record last published by then"
    name = f"The {record} (version {published.version})"
    if not published.differences:
        yield f"{name} and the log agree."
        return
    yield f"{name} and the log do not agree: {'; '.join(published.differences)}."
    if of.complete and not of.is_now:
        yield "It is published milliseconds after the log's records, later where the streams lag."
    elif of.complete:
        yield (
            "Either the streams have not read the whole log yet (ask again; see their /status), or "
            "their settings differ from those used here ([streams])."
        )
    else:
        yield "The log as read does not reach back far enough to explain all of it."


def _coverage(of: Explanation) -> Iterator[str]:
    if of.complete:
        return
    begins: dict[str, list[str]] = {}
    if of.skipped:
        yield "The log holds older records, of before --since: they are used only to explain ends."
    for one in of.coverage:
        if not one.complete and not one.skipped:
            since = (
                f"records from {full(one.begins)} on" if one.begins else "no records of that time"
            )
            begins.setdefault(since, []).append(one.topic.removeprefix("rollcall."))
    if not begins:
        return
    parts = "; ".join(f"{', '.join(names)}: {since}" for since, names in begins.items())
    yield f"The log is incomplete. It has, of {parts}. What is older cannot be explained."
