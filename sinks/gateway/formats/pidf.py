"""A presence record as PIDF (RFC 3863) with a person's activities (RFC 4479, RFC 4480; pure)."""

from xml.etree.ElementTree import Element

from schemas.presence import Presence, PresenceBinding
from schemas.vocabulary import ContactForm, Status
from sinks.gateway.access.redaction import Part
from sinks.gateway.formats.xml import add, document, id_of, time_of, uri_of

MEDIA_TYPE = "application/pidf+xml"
_NAMESPACES = {
    "xmlns": "urn:ietf:params:xml:ns:pidf",
    "xmlns:dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "xmlns:rpid": "urn:ietf:params:xml:ns:pidf:rpid",
}


def pidf(presence: Presence, granted: frozenset[Part]) -> bytes:
    """A tuple for each binding, open; without any one closed tuple.

    Contacts are left out where they are not granted, or no URI. Ringing has no activity of its own.
    """
    root = Element("presence", {**_NAMESPACES, "entity": uri_of(presence.aor)})
    for binding in presence.bindings:
        _tuple(root, presence, binding, granted)
    if not presence.bindings:
        closed = add(root, "tuple", id=id_of(presence.aor))
        add(add(closed, "status"), "basic", "closed")
        add(closed, "timestamp", time_of(presence.at))
    if presence.status in (Status.ON_THE_PHONE, Status.HELD):
        person = add(root, "dm:person", id=id_of("person", presence.aor))
        add(add(person, "rpid:activities"), "rpid:on-the-phone")
        add(person, "dm:timestamp", time_of(presence.at))
    return document(root)


def _tuple(
    root: Element, presence: Presence, binding: PresenceBinding, granted: frozenset[Part]
) -> None:
    identity = (presence.aor, binding.node, binding.contact, binding.registrar or "")
    one = add(root, "tuple", id=id_of(*identity, str(binding.since)))
    add(add(one, "status"), "basic", "open")
    if Part.CONTACT in granted and binding.contact_form is not ContactForm.TRUNCATED:
        # As routes are ordered: stale before suspect ones.
        priority = "0.1" if binding.suspect else "0.5" if binding.stale else "1.0"
        add(one, "contact", uri_of(binding.contact), priority=priority)
    add(one, "timestamp", time_of(binding.since))
