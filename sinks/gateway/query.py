"""Which users a request watches or asks for, from its query string and path (pure)."""

from urllib.parse import unquote

from schemas.sip_uri import MalformedUri, aor_of
from sinks.gateway.errors import BadQuery
from sinks.gateway.message import domain_of
from sinks.gateway.subscriber import Watch


def watch_of(query: bytes) -> Watch:
    """`aor=…` and `domain=…`, each as often as wanted; none: everybody.

    Raises BadQuery, also for an unknown field: a misspelt one would watch everybody.
    """
    aors, domains = set(), set()
    for pair in query.split(b"&"):
        if not pair:
            continue
        name, _, text = pair.partition(b"=")
        field = text_in(name, "query")
        if field == "aor":
            aors.add(aor_in(text_in(text, field)))
        elif field == "domain":
            domains.add(domain_in(text_in(text, field)))
        else:
            raise BadQuery("no such field: there are aor and domain", field[:80] or "query")
    return Watch(frozenset(aors), frozenset(domains))


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
