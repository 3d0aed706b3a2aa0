"""The rules against the test IVR's 20 greetings, in simulated time, beside a fixed pause."""

from dataclasses import replace

import pytest

from dialling.plan import Plan, Timing
from schemas.vocabulary import DialOutcome, DialStepKind, DigitTrigger
from tests.ivr.greetings import GREETINGS, Greeting
from tests.ivr.phone_line import PhoneLine

_names = [one.name for one in GREETINGS]
# Without gaps a greeting is not known as a part of an utterance.
_WITHOUT_GAPS = {"short"}
# Their greeting has no length to be recognised by: docs/dialling.md.
_UNRECOGNISED = {"silent", "beep", "noise-high", "music-first"}


def _line(greeting: Greeting, digits: str = "801", **timing: object) -> PhoneLine:
    return PhoneLine(greeting, Plan(digits=digits, timing=Timing(**timing)))  # type: ignore[arg-type]  # of several types


@pytest.mark.parametrize("greeting", GREETINGS, ids=_names)
def test_digits_reach_the_extension_after_the_greeting(greeting: Greeting) -> None:
    line = _line(greeting)
    end = line.run()
    steps = [(step.after_ms, step.kind, step.detail) for step in line.call.timeline.steps]
    assert line.menu.reached == "801", steps
    assert end.outcome is DialOutcome.CONNECTED, steps
    assert line.digits_before_media == 0


@pytest.mark.parametrize("greeting", GREETINGS, ids=_names)
def test_extension_that_is_not_there_is_no_connection(greeting: Greeting) -> None:
    line = _line(greeting, "999")
    end = line.run()
    steps = [(step.after_ms, step.kind, step.detail) for step in line.call.timeline.steps]
    assert line.menu.reached is None
    if greeting.name not in _UNRECOGNISED:
        assert end.outcome is DialOutcome.WRONG_EXTENSION, steps


@pytest.mark.parametrize("pause", [0.5, 0.8, 1.0, 1.15])
@pytest.mark.parametrize("greeting", GREETINGS, ids=_names)
def test_refusal_that_runs_into_the_greeting_is_heard(greeting: Greeting, pause: float) -> None:
    """Less silence between the two than ends an utterance: 1.2 s."""
    line = _line(replace(greeting, refused=pause), "999")
    end = line.run()
    steps = [(step.after_ms, step.kind, step.detail) for step in line.call.timeline.steps]
    if greeting.name not in _UNRECOGNISED | _WITHOUT_GAPS:
        assert end.outcome is DialOutcome.WRONG_EXTENSION, steps


def test_a_fixed_pause_reaches_fewer() -> None:
    timing, reached = Timing(trigger=DigitTrigger.PAUSE, pause=2.0), []
    for greeting in GREETINGS:
        line = PhoneLine(greeting, Plan(digits="801", timing=timing, attempts=1))
        line.run()
        reached.append(line.menu.reached == "801")
        assert line.digits_before_media == 0
    assert 0 < sum(reached) < 10


def test_timeline_never_holds_a_digit_of_the_extension() -> None:
    line = _line(GREETINGS[1], "4711")
    line.run()
    kinds = [step.kind for step in line.call.timeline.steps]
    assert kinds.count(DialStepKind.DIGIT_CONFIRMED) == 4
    assert not any("4711" in (step.detail or "") for step in line.call.timeline.steps)
