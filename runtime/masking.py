"""Passwords inside URLs are shown nowhere: not in logs, in /status or in a command's errors.

Pure. Settings take URLs with a user and a password (`http://user:password@host/…`); clients put the
whole URL into their errors, so it is masked where text leaves the process.
"""

import re
from collections.abc import MutableMapping
from typing import Any

# RFC 3986 §3.2.1: userinfo ends at the last "@" of the authority.
_USERINFO = re.compile(r"(?<=//)([^/?#\s:@]*):[^/?#\s]*@")


def masked(text: str) -> str:
    """The text with `***` for each password in a URL."""
    return _USERINFO.sub(r"\1:***@", text) if "@" in text else text


def masked_values(value: Any) -> Any:
    """The same JSON-like value, every text in it masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: masked_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(inner) for inner in value]
    return value


def mask_event(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: masks every text of a log event, a traceback's too."""
    del logger, method
    for key, value in event.items():
        if isinstance(value, BaseException):
            event[key] = masked(str(value))
        else:
            event[key] = masked_values(value)
    return event
