"""The body of POST /v1/tickets: what the ticket is to show, within what its token shows (pure)."""

from collections.abc import Collection
from dataclasses import replace

from sinks.gateway.access.identity import Identity
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.strict_json import strict_object
from sinks.gateway.errors import BadQuery, Forbidden
from sinks.gateway.query import aor_in, domain_in
from sinks.gateway.subscriber import Watch

BODY_BYTES_MAX = 64 * 1024
_FIELDS = ("aors", "domains", "fields")


def asked_of(identity: Identity, body: bytes) -> Identity:
    """The identity with the scope that the body asks for; an empty body: with its own.

    `{"aors": […], "domains": […], "fields": […]}`: each may be missing, which takes what the token
    has; neither AORs nor domains: everybody whom it shows. Raises BadQuery, Forbidden.
    """
    # A ticket stands in a URL: it opens streams, and makes no calls.
    identity = replace(identity, scope=replace(identity.scope, may_dial=False))
    if not body.strip():
        return identity
    try:
        content = strict_object(body)
    except ValueError as error:
        raise BadQuery(f"body: {error}"[:200], "body") from error
    for name in content:
        if name not in _FIELDS:
            raise BadQuery("no such field: there are aors, domains and fields", name[:80])
    own = identity.scope
    aors = frozenset(aor_in(text, "aors") for text in _texts(content, "aors"))
    domains = frozenset(domain_in(text, "domains") for text in _texts(content, "domains"))
    for aor in aors:
        own.check(aor, "aors")
    for domain in domains:
        own.check_domain(domain, "domains")
    parts = own.parts
    if "fields" in content:
        parts = frozenset(_part(own.parts, text) for text in _texts(content, "fields"))
    watch = own.narrowed(Watch(aors, domains))
    scope = replace(
        own, aors=watch.aors, domains=watch.domains, parts=parts, everybody=watch.everybody
    )
    return replace(identity, scope=scope)


def _texts(content: dict[str, object], name: str) -> Collection[str]:
    value = content.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadQuery("no list of texts", name)
    return value


def _part(granted: frozenset[Part], text: str) -> Part:
    if text not in set(Part):
        raise BadQuery(f"there are {', '.join(Part)}", "fields")
    if text not in granted:
        raise Forbidden("a part of records that this token does not show", "fields")
    return Part(text)
