"""A presence record's calls as dialog-info (RFC 4235; pure)."""

from xml.etree.ElementTree import Element

from schemas.presence import Presence, PresenceCall
from schemas.sip_uri import MalformedUri, aor_of, canonical_aor
from schemas.vocabulary import CallState, Direction
from sinks.gateway.access.redaction import Part
from sinks.gateway.formats.xml import add, document, text_of, uri_of
from sinks.gateway.message import domain_of

MEDIA_TYPE = "application/dialog-info+xml"
_NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
# RFC 4235 §3.7.1.
_STATES = {
    CallState.TRYING: "trying",
    CallState.RINGING: "early",
    CallState.EARLY: "early",
    CallState.ANSWERED: "confirmed",
    CallState.HELD: "confirmed",
}
_DIRECTIONS = {Direction.OUTGOING: "initiator", Direction.INCOMING: "recipient"}


def dialog_info(presence: Presence, granted: frozenset[Part]) -> bytes:
    """All calls; the document's version is the record's."""
    attributes = {
        "xmlns": _NAMESPACE,
        "version": str(presence.version),
        "state": "full",
        "entity": uri_of(presence.aor),
    }
    root = Element("dialog-info", attributes)
    for call in presence.calls:
        if call.state in _STATES:
            _dialog(root, presence.aor, call, granted)
    return document(root)


def _dialog(root: Element, aor: str, call: PresenceCall, granted: frozenset[Part]) -> None:
    attributes = {"id": call.leg}
    if call.sip_call_id is not None and Part.ADDRESS in granted:
        attributes["call-id"] = call.sip_call_id
    if call.direction is not None:
        attributes["direction"] = _DIRECTIONS[call.direction]
    dialog = add(root, "dialog", **attributes)
    add(dialog, "state", _STATES[call.state])
    if call.state is CallState.HELD:
        # §4.1.6.2: the media are not rendered (RFC 3840: +sip.rendering).
        target = add(add(dialog, "local"), "target", uri=uri_of(aor))
        add(target, "param", pname="+sip.rendering", pval="no")
    if call.peer and Part.PEER in granted:
        identity = add(add(dialog, "remote"), "identity", _peer(call.peer, aor))
        identity.set("display-name", text_of(call.peer))


def _peer(peer: str, aor: str) -> str:
    """The other party's URI; of a bare number or name one in the user's own domain."""
    try:
        return uri_of(aor_of(peer))
    except MalformedUri:
        pass
    try:
        return uri_of(canonical_aor(peer, domain_of(aor)))
    except MalformedUri:
        return "sip:anonymous@anonymous.invalid"
