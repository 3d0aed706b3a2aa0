"""Keyed digits (DTMF) and spoken words: published only where a setting asks for them.

Callers key PINs and card numbers. So digits are masked unless a setting names what they are used
for, and a dead letter never holds an input with digits or words.
"""

from typing import Annotated

from pydantic import Field

from runtime import logs

log = logs.get(__name__)

# What stands in a dead letter instead of the input.
MASKED_INPUT = b"keyed digits or spoken words: the input is not kept"
# Headers of FreeSWITCH's events that hold them.
_HEADERS = (b"DTMF-Digit", b"Speech-Type", b"detect_speech_result")

DigitsUse = Annotated[
    str | None,
    Field(
        min_length=3,
        max_length=200,
        description="What keyed digits are used for: with a text here they are published in "
        "clear, and the text is logged at each start; null: each is published without its value.",
    ),
]


def log_use(section: str, node: str | None, use: str | None) -> None:
    """Log at the start of a producer that digits are published in clear, and what for."""
    if use is not None:
        log.warning("keyed digits are published in clear", source=section, node=node, use=use)


def dead_letter_input(payload: bytes) -> bytes:
    """An event of FreeSWITCH as a dead letter may hold it."""
    return MASKED_INPUT if any(name in payload for name in _HEADERS) else payload
