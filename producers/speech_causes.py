"""Why a recognition or a synthesis completed: numbers of MRCP, texts of FreeSWITCH's applications.

Pure.
"""

import re

# RFC 6787 §9.4.11. mod_unimrcp writes the number without its zeros.
_RECOGNISER = (
    "success",
    "no-match",
    "no-input-timeout",
    "hotword-maxtime",
    "grammar-load-failure",
    "grammar-compilation-failure",
    "recognizer-error",
    "speech-too-early",
    "success-maxtime",
    "uri-failure",
    "language-unsupported",
    "cancelled",
    "semantics-failure",
    "partial-match",
    "partial-match-maxtime",
    "no-match-maxtime",
    "grammar-definition-failure",
)
# A result without words: the whole body.
_CAUSE_BODY = re.compile(r"\s*Completion-Cause:\s*([0-9]{1,3})\b").match
# Application-Response of an application that did its work, or has none.
_NO_FAILURE = ("_none_", "DONE", "")
_CAUSE_MAX = 255


def completion(cause: str | None, body: str | None) -> str | None:
    """The cause of a result: from ASR-Completion-Cause, else from a body that only names one.

    A number that the RFC does not name stays a text. None where neither names a cause.
    """
    found = cause
    if found is None and body and (match := _CAUSE_BODY(body)):
        found = match[1]
    if not found:
        return None
    if found.isascii() and found.isdigit() and len(found) <= 3 and int(found) < len(_RECOGNISER):
        return _RECOGNISER[int(found)]
    return found[:_CAUSE_MAX]


def completion_header(value: str) -> str | None:
    """The cause in a Completion-Cause header (RFC 6787 §8.4.7, §9.4.11): `001 no-match`, `001`.

    The name as the server has it; the RFC's name of a recogniser's number that has none.
    """
    number, _, name = value.strip().partition(" ")
    return "-".join(name.lower().split())[:_CAUSE_MAX] or completion(number, None)


def failure(response: str | None) -> str | None:
    """Why an application failed (`GRAMMAR ERROR` is `grammar-error`); None where it did not."""
    if response is None or response in _NO_FAILURE:
        return None
    return "-".join(response.lower().split())[:_CAUSE_MAX] or None
