"""Which users a request watches or asks for, from its query string and path (pure)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import unquote

from schemas.sip_uri import MalformedUri, aor_of
from sinks.gateway.cursor import Cursor, cursor_in
from sinks.gateway.errors import BadQuery
from sinks.gateway.message import domain_of
from sinks.gateway.subscriber import Watch

Fields = Mapping[str, Sequence[str]]

_NAMES = ("aor", "domain", "fields", "only", "watch", "cursor")
_FIELDS = f"{', '.join(_NAMES[:-1])} and {_NAMES[-1]}"


def fields_in(query: bytes) -> Fields:
    """The fields of a query string, each with its values in order. Raises BadQuery naming one."""
    found: dict[str, list[str]] = {}
    for pair in query.decode("latin-1").split("&"):
        name, _, text = pair.partition("=")
        if "%" in pair or not pair.isascii():
            name = _decoded(name, "query")
            text = _decoded(text, name[:80] or "query")
        if pair:
            found.setdefault(name, []).append(text)
    return found


def watch_of(fields: Fields, most: int | None = None) -> Watch:
    """`aor=…` and `domain=…`, each as often as wanted; none: everybody, or with `watch=named`
    nobody. With `only=reachable` those of them who are reachable.

    Raises BadQuery, also for an unknown field: a misspelt one would watch everybody; and where more
    than `most` users are named.
    """
    for name in fields:
        if name not in _NAMES:
            raise BadQuery(f"no such field: there are {_FIELDS}", name[:80] or "query")
    try:
        aors = frozenset(map(aor_of, fields.get("aor", ())))
    except MalformedUri as error:
        raise BadQuery(str(error), "aor") from error
    domains = frozenset(map(domain_in, fields.get("domain", ())))
    only_reachable = _has(fields, "only", "reachable")
    only_named = _has(fields, "watch", "named")
    if most is not None and len(aors) > most:
        raise BadQuery(f"{most} users at most can be watched by name", "aor")
    return Watch(aors, domains, only_reachable, only_named)


def _has(fields: Fields, name: str, known: str) -> bool:
    """Whether the field is there, whose only value is `known`. Raises BadQuery."""
    if any(text != known for text in fields.get(name, ())):
        raise BadQuery(f"there is only {known}", name)
    return name in fields


def cursor_of(fields: Fields, headers: Mapping[str, str]) -> Cursor | None:
    """Where to resume: `Last-Event-ID`, else `cursor=…`, whose last one counts.

    A browser that reconnects by itself sends both, and only the header is new. It may be the id of
    a presence record, or any other: then there is no cursor. Raises BadQuery for the field.
    """
    if (last := headers.get("last-event-id")) is not None:
        with suppress(BadQuery):
            return cursor_in(last)
        return None
    texts = fields.get("cursor")
    return cursor_in(texts[-1]) if texts and texts[-1] else None


def ticket_in(query: bytes) -> tuple[str | None, bytes]:
    """The one-time ticket of a query (`ticket=…`), and the query without it. Raises BadQuery."""
    if b"ticket=" not in query:
        return None, query
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
    return _decoded(raw.decode("latin-1"), field)


def _decoded(text: str, field: str) -> str:
    if not text.isascii():
        raise BadQuery("not UTF-8, percent-encoded: bytes above 127", field)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise BadQuery(f"not UTF-8, percent-encoded: {error.reason}", field) from error
