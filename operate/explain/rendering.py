"""An explanation in words: the answer, then what there is, what happened, what was ignored."""

from collections.abc import Iterator

from operate.explain.explanation import Explanation
from operate.explain.inventory import Inventory
from operate.explain.layout import Page, count, full
from operate.explain.phrases import because
from operate.explain.timeline import Course
from schemas.vocabulary import Status


def tell(explanation: Explanation, width: int = 100) -> list[str]:
    """Lines of at most `width` columns, but for ids and addresses that are longer."""
    page = Page(width, explanation.at)
    answer = (
        *_headline(explanation, page),
        _moment(explanation),
        *_agreement(explanation),
        *_coverage(explanation),
    )
    for sentence in answer:
        page.text(sentence)
    Inventory(explanation, page).tell()
    Course(explanation, page).tell()
    return page.lines


def _headline(of: Explanation, page: Page) -> Iterator[str]:
    answer = of.answer
    is_, has = ("is", "has") if of.is_now else ("was", "had")
    if answer.cause is None or answer.at is None:
        yield f"{of.aor} {is_} offline: it {has} never been reachable, as far as the log tells."
        return
    why = f"because {because(answer.cause)} ({answer.cause})"
    since = page.at(answer.at)
    if answer.reachable:
        doing = "" if answer.status is Status.ONLINE else f", shown {answer.status}"
        yield f"{of.aor} {is_} reachable: {count(len(answer.bindings), 'binding')}{doing}."
        yield f"The last change came {since}, {why}."
    elif answer.status is Status.OFFLINE:
        yield f"{of.aor} {is_} offline since {since}, {why}."
    else:
        yield f"{of.aor} {is_} out of reach since {since}, {why}."
        yield f"It {is_} shown {answer.status} until its grace is over."
    if answer.evidence:
        yield f"Proof: {', '.join(answer.evidence)}"


def _moment(of: Explanation) -> str:
    moment = "now" if of.is_now else "what had come to Kafka by then"
    assumed = f" {of.assumed}." if of.assumed else ""
    zone = "All times are UTC, those of events by their node's clock."
    return f"At {full(of.at)}: {moment}.{assumed} {zone}"


def _agreement(of: Explanation) -> Iterator[str]:
    published = of.published
    if published is None:
        if of.is_now:
            yield "Nothing is published of this user: this is what the log alone tells."
        return
    record = "published record" if of.is_now else "record published last by then"
    name = f"The {record} (version {published.version})"
    if not published.differences:
        yield f"{name} and the log agree."
        return
    yield f"{name} and the log do not agree: {'; '.join(published.differences)}."
    if of.complete and not of.is_now:
        yield "It comes some milliseconds after the log, later where the streams were behind."
    elif of.complete:
        yield (
            "Either the streams have not read all of the log (ask again; see their /status), or "
            "their settings are not those used here ([streams])."
        )
    else:
        yield "What was read of the log does not reach back far enough to tell all of it."


def _coverage(of: Explanation) -> Iterator[str]:
    if of.complete:
        return
    begins: dict[str, list[str]] = {}
    if of.skipped:
        yield "The log holds more, of before --since: it is told only where an end goes back to it."
    for one in of.coverage:
        if not one.complete and not one.skipped:
            since = (
                f"what came from {full(one.begins)} on" if one.begins else "nothing of that time"
            )
            begins.setdefault(since, []).append(one.topic.removeprefix("rollcall."))
    if not begins:
        return
    told = "; ".join(f"of {', '.join(names)} {since}" for since, names in begins.items())
    yield f"The log is not whole. It has {told}. What is missing cannot be told here."
