"""What the far end's sounds after the digits mean."""

import pytest

from dialling.hearing import Utterance
from dialling.reaction import Reaction, is_alike
from schemas.vocabulary import DialOutcome

GREETING = Utterance(1.0, 5.0, ((1.5, 1.7), (2.2, 2.4), (3.6, 3.8)))


def _after(greeting: Utterance | None = GREETING) -> Reaction:
    return Reaction(greeting, since=10.0, silent_after=8.0, settle=3.0, silence=1.2)


def _heard(began: float, seconds: float) -> Utterance:
    return Utterance(began, began + seconds)


def test_greeting_alone_shows_that_digits_were_not_taken() -> None:
    reaction = _after()
    reaction.began(11.0)
    assert reaction.ended(_heard(11.0, 4.1), 16.3) is DialOutcome.DIGITS_NOT_TAKEN


def test_greeting_after_something_else_shows_a_refusal() -> None:
    reaction = _after()
    assert reaction.ended(_heard(11.0, 2.0), 14.2) is None
    assert reaction.passed(15.0) is None
    reaction.began(16.0)
    assert reaction.ended(_heard(16.0, 4.0), 21.2) is DialOutcome.WRONG_EXTENSION


def test_something_else_and_quiet_is_a_connection() -> None:
    reaction = _after()
    reaction.ended(_heard(11.0, 2.0), 14.2)
    assert reaction.passed(17.1) is None
    assert reaction.passed(17.3) is DialOutcome.CONNECTED


def test_speech_longer_than_the_greeting_is_a_connection() -> None:
    reaction = _after()
    reaction.began(11.0)
    assert reaction.passed(16.0) is None
    assert reaction.passed(17.3) is DialOutcome.CONNECTED


def _refused_and_greeted(pause: float, *, shifted: float = 0.0) -> Utterance:
    """A refusal of two seconds, a pause, and the greeting with its gaps, moved by so much."""
    again = 13.0 + pause
    gaps = ((began - 1.0 + again + shifted, ended - 1.0 + again) for began, ended in GREETING.gaps)
    return Utterance(11.0, again + 4.0, ((13.0, again), *gaps))


@pytest.mark.parametrize("pause", [0.4, 0.8, 1.1])
def test_refusal_and_greeting_heard_as_one_are_a_refusal(pause: float) -> None:
    reaction, heard = _after(), _refused_and_greeted(pause)
    reaction.began(11.0)
    reaction.resumed(heard.gaps[0][1])
    assert reaction.passed(heard.ended + 1.1) is None
    assert reaction.ended(heard, heard.ended + 1.2) is DialOutcome.WRONG_EXTENSION


@pytest.mark.parametrize("pause", [0.2, 0.8])
def test_speech_that_only_is_as_long_is_an_answer(pause: float) -> None:
    """With its gaps elsewhere, or without a pause that could end a refusal."""
    reaction, heard = _after(), _refused_and_greeted(pause, shifted=0.4 if pause > 0.3 else 0)
    assert reaction.ended(heard, heard.ended + 1.2) is None
    assert reaction.passed(heard.ended + 1.2 + 3.1) is DialOutcome.CONNECTED


def test_words_without_gaps_are_like_many_others() -> None:
    """A greeting of a second and a half, and an answer whose last words are as long."""
    reaction = _after(Utterance(1.0, 2.8))
    heard = Utterance(11.0, 16.0, ((12.5, 13.0), (13.9, 14.2)))
    assert reaction.ended(heard, 17.2) is None


def test_speech_with_pauses_is_a_connection_in_the_end() -> None:
    reaction = _after()
    reaction.began(11.0)
    for second in range(12, 30):
        if outcome := reaction.passed(float(second)):
            break
        reaction.resumed(float(second))
    assert (outcome, second) == (DialOutcome.CONNECTED, 24)


def test_rest_of_the_greeting_is_no_answer() -> None:
    reaction = _after(None)
    reaction.began(7.0)
    assert reaction.passed(15.0) is None
    assert reaction.ended(Utterance(7.0, 14.8), 16.0) is None
    assert reaction.passed(23.9) is None
    assert reaction.passed(24.1) is DialOutcome.DIGITS_NOT_TAKEN


def test_greeting_that_went_on_is_recognised_when_it_comes_again() -> None:
    reaction = _after(None)
    assert reaction.ended(Utterance(7.0, 14.0), 15.2) is None
    reaction.began(20.0)
    assert reaction.ended(_heard(20.0, 7.1), 28.3) is DialOutcome.DIGITS_NOT_TAKEN


def test_nothing_at_all_is_no_answer() -> None:
    assert _after().passed(17.9) is None
    assert _after().passed(18.1) is DialOutcome.DIGITS_NOT_TAKEN


@pytest.mark.parametrize(
    ("seconds", "alike"), [(4.0, True), (4.3, True), (3.6, False), (4.5, False)]
)
def test_utterances_are_alike_by_their_lengths(seconds: float, alike: bool) -> None:
    assert is_alike(GREETING, _heard(20.0, seconds)) is alike


def test_short_and_cut_utterances_are_like_nothing() -> None:
    assert not is_alike(_heard(0, 0.4), _heard(9, 0.4))
    assert not is_alike(GREETING, Utterance(20.0, 24.0, is_whole=False))
