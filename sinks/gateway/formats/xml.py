"""What the XML formats share: elements, texts, URIs and ids that XML allows (pure)."""

import re
from datetime import UTC, datetime
from hashlib import blake2b
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

# What no XML 1.0 document may hold, however it is written.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Reserved and unreserved characters of RFC 3986, and the percent sign of what is escaped already.
_URI = "%:/?#[]@!$&'()*+,;=-._~"


def text_of(value: str) -> str:
    """The text without what XML does not allow."""
    return _FORBIDDEN.sub("\ufffd", value)


def uri_of(value: str) -> str:
    """The text as an xs:anyURI: what no URI holds is percent-encoded."""
    return quote(value.encode("utf-8", "replace"), safe=_URI)


def id_of(*parts: str) -> str:
    """An xs:ID for these parts: the same each time, and none of them can be read in it."""
    return "i" + blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def time_of(at: datetime) -> str:
    """As xs:dateTime, UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """A new last child."""
    child = SubElement(parent, tag, {name: text_of(value) for name, value in attributes.items()})
    if text is not None:
        child.text = text_of(text)
    return child


def document(root: Element) -> bytes:
    """The document, UTF-8. Names have their prefixes as written; the root declares them."""
    written: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written
