"""Which media type an answer has, by `Accept`; and whether the client has the answer (pure).

RFC 9110 §12.5.1: the type with the highest weight of its most specific range; of equal ones the
server's order decides.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from sinks.gateway.errors import NotAcceptable

# So many ranges are read: no client has more.
_RANGES = 40
_weight = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)").fullmatch


def negotiated(accept: str | None, offered: Sequence[str]) -> str:
    """The type to answer with. Raises NotAcceptable, naming what there is."""
    if accept is None or not accept.strip():
        return offered[0]
    ranges = dict(_ranges(accept))
    best, best_weight = "", 0.0
    for media_type in offered:
        kind = media_type.partition("/")[0]
        weight = next(
            (ranges[one] for one in (media_type, f"{kind}/*", "*/*") if one in ranges), 0.0
        )
        if weight > best_weight:
            best, best_weight = media_type, weight
    if not best:
        raise NotAcceptable(f"there is only {', '.join(offered)}", "accept")
    return best


def _ranges(accept: str) -> Iterable[tuple[str, float]]:
    for one in accept.split(",")[:_RANGES]:
        media_range, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = float(value) if _weight(value.strip()) else 0.0
        yield media_range, weight


def etag(body: bytes, media_type: str) -> str:
    """A strong validator (RFC 9110 §8.8.3) of what is shown: it depends on nothing else."""
    digest = blake2b(body, digest_size=12, person=media_type.encode()[-16:])
    return f'"{digest.hexdigest()}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has this answer (RFC 9110 §13.1.2)."""
    if if_none_match is None:
        return False
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in known or tag in known
