"""A presence record's bindings as reginfo (RFC 3680; pure)."""

from xml.etree.ElementTree import Element

from schemas.presence import Presence
from schemas.vocabulary import ContactForm
from sinks.gateway.formats.xml import add, document, id_of, uri_of

MEDIA_TYPE = "application/reginfo+xml"
_NAMESPACE = "urn:ietf:params:xml:ns:reginfo"


def reginfo(presence: Presence) -> bytes:
    """All live bindings whose contacts are whole; the document's version is the record's.

    For those who may see contacts: the format is nothing without them.
    """
    root = Element(
        "reginfo", {"xmlns": _NAMESPACE, "version": str(presence.version), "state": "full"}
    )
    registration = add(
        root,
        "registration",
        aor=uri_of(presence.aor),
        id=id_of(presence.aor),
        state="active" if presence.bindings else "terminated",
    )
    for binding in presence.bindings:
        if binding.contact_form is ContactForm.TRUNCATED:
            continue
        identity = (presence.aor, binding.node, binding.contact, binding.registrar or "")
        contact = add(
            registration,
            "contact",
            id=id_of(*identity, str(binding.since)),
            state="active",
            event="registered",
        )
        add(contact, "uri", uri_of(binding.contact))
    return document(root)
