"""Which users a request watches or asks for, from its query string and path (pure)."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import unquote

from schemas.sip_uri import MalformedUri, aor_of
from sinks.gateway.cursor import Cursor, cursor_in
from sinks.gateway.errors import BadQuery
from sinks.gateway.message import domain_of
from sinks.gateway.subscriber import Watch

_FIELDS = "aor, domain, fields, only, watch and cursor"


def watch_of(query: bytes, most: int | None = None) -> Watch:
    """`aor=…` and `domain=…`, each as often as wanted; none: everybody, or with `watch=named`
    nobody. With `only=reachable` those of them who are reachable.

    Raises BadQuery, also for an unknown field: a misspelt one would watch everybody; and where more
    than `most` users are named.
    """
    aors, domains = set(), set()
    only_reachable = only_named = False
    for pair in query.split(b"&"):
        if not pair:
            continue
        name, _, text = pair.partition(b"=")
        field = text_in(name, "query")
        if field == "aor":
            aors.add(aor_in(text_in(text, field)))
        elif field == "domain":
            domains.add(domain_in(text_in(text, field)))
        elif field == "only":
            only_reachable = _one_of(text, field, "reachable")
        elif field == "watch":
            only_named = _one_of(text, field, "named")
        elif field not in ("fields", "cursor"):
            raise BadQuery(f"no such field: there are {_FIELDS}", field[:80] or "query")
    if most is not None and len(aors) > most:
        raise BadQuery(f"{most} users at most can be watched by name", "aor")
    return Watch(frozenset(aors), frozenset(domains), only_reachable, only_named)


def _one_of(text: bytes, field: str, known: str) -> bool:
    if text_in(text, field) != known:
        raise BadQuery(f"there is only {known}", field)
    return True


def cursor_of(query: bytes, headers: Mapping[str, str]) -> Cursor | None:
    """Where to resume: `Last-Event-ID`, else `cursor=…`, whose last one counts.

    A browser that reconnects by itself sends both, and only the header is new. It may be the id of
    a presence record, or any other: then there is no cursor. Raises BadQuery for the field.
    """
    texts = [text_in(text, "cursor") for text in values_of(query, b"cursor")]
    if "last-event-id" in headers:
        with suppress(BadQuery):
            return cursor_in(headers["last-event-id"])
        return None
    return cursor_in(texts[-1]) if texts and texts[-1] else None


def has_field(query: bytes, field: str) -> bool:
    """Whether the query has the field, also without a value."""
    return any(True for _ in values_of(query, field.encode()))


def values_of(query: bytes, field: bytes) -> Iterator[bytes]:
    """The values of a field, percent-encoded."""
    for pair in query.split(b"&"):
        name, _, text = pair.partition(b"=")
        if name == field:
            yield text


def ticket_in(query: bytes) -> tuple[str | None, bytes]:
    """The one-time ticket of a query (`ticket=…`), and the query without it. Raises BadQuery."""
    pairs = query.split(b"&")
    tickets = [pair for pair in pairs if pair.startswith(b"ticket=")]
    if not tickets:
        return None, query
    if len(tickets) > 1:
        raise BadQuery("more than one ticket", "ticket")
    rest = b"&".join(pair for pair in pairs if not pair.startswith(b"ticket="))
    return text_in(tickets[0].partition(b"=")[2], "ticket"), rest


def aor_in(text: str, field: str = "aor") -> str:
    """The canonical AOR of a SIP URI. Raises BadQuery."""
    try:
        return aor_of(text)
    except MalformedUri as error:
        raise BadQuery(str(error), field) from error


def domain_in(text: str, field: str = "domain") -> str:
    """A domain in the form it has in AORs. Raises BadQuery."""
    if any(character in text for character in "@;?<>"):
        raise BadQuery("host is neither a name nor an address", field)
    return domain_of(aor_in(f"sip:any@{text}", field))


def text_in(raw: bytes, field: str) -> str:
    """A part of a query, percent-decoded. Raises BadQuery.

    A `+` stays a `+`: AORs hold telephone numbers, and no blanks.
    """
    try:
        return unquote(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError as error:
        raise BadQuery(f"not UTF-8, percent-encoded: {error.reason}", field) from error
