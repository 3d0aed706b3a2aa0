"""What one call is to do and when: its command, with the settings where the command is silent."""

from dataclasses import dataclass, field

from schemas.vocabulary import DigitMethod, DigitTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When digits go out, and how long each step may take, in seconds."""

    trigger: DigitTrigger = DigitTrigger.GREETING
    # After media flows, with trigger PAUSE.
    pause: float = 2.0
    # With trigger GREETING: the silence that ends it; without any speech not longer than
    # `no_speech`, with whatever sound not longer than `at_most`, both since media flows.
    silence: float = 1.2
    no_speech: float = 5.0
    at_most: float = 25.0
    answer: float = 45.0
    media: float = 10.0
    # Without a sound after the digits they were not taken; after an answer to them, so much quiet
    # is the end of the matter.
    reaction: float = 8.0
    settle: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`digits` is a secret: no log, event or repr has it."""

    digits: str = field(repr=False)
    timing: Timing = Timing()
    method: DigitMethod = DigitMethod.RFC4733
    digit_ms: int = 100
    gap_ms: int = 100
    # How often the digits are sent while the far end does not take them.
    attempts: int = 2
