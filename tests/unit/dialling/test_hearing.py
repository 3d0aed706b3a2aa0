"""From detectors' ends to utterances."""

from dialling.hearing import CONTINUOUS_SECONDS, LEVELS, Detector, Ear, Sound


def test_utterance_lasts_from_its_first_sound_to_the_silence_that_ends_it() -> None:
    ear = Ear(silence=0.8)
    assert ear.listen(0.0).detector is Detector.AUDIO
    assert ear.completed(True, 0.5) is None
    assert ear.completed(False, 1.08) is Sound.BEGAN
    assert ear.listen(1.08).detector is Detector.SILENCE
    assert ear.completed(False, 3.14) is None  # a gap
    assert ear.completed(False, 3.4) is None  # which ended
    assert ear.completed(False, 5.14) is None
    assert ear.listen(5.14).timeout_ms == 500
    assert ear.completed(True, 5.64) is None
    assert ear.listen(5.64).timeout_ms == 160
    assert ear.completed(True, 5.8) is Sound.ENDED
    assert ear.last is not None
    assert (round(ear.last.began, 2), round(ear.last.ended, 2), len(ear.last.gaps)) == (1.0, 5.0, 1)


def test_sound_after_a_pause_is_reported_and_what_follows_is_a_part() -> None:
    ear = Ear(silence=1.2)
    ear.completed(False, 1.08)
    assert ear.completed(False, 3.14) is None  # a pause from 3.0 on
    assert ear.completed(False, 3.78) is Sound.RESUMED  # at 3.7
    ear.completed(False, 6.14)
    assert ear.completed(True, 7.2) is Sound.ENDED
    assert ear.last is not None
    (part,) = ear.last.parts()
    assert (round(part.began, 2), round(part.ended, 2)) == (3.7, 6.0)


def test_sound_without_a_gap_raises_the_level() -> None:
    ear = Ear(silence=0.8)
    ear.completed(False, 1.0)
    now, heard = 1.0, None
    while heard is None:
        assert ear.listen(now).level == LEVELS[0]
        now += 0.5
        heard = ear.completed(True, now)
    assert heard is Sound.RAISED
    assert now >= 1.0 - 0.1 + CONTINUOUS_SECONDS
    assert ear.listen(now).level == LEVELS[1]
    assert ear.listen(now).detector is Detector.AUDIO


def test_what_is_heard_from_its_middle_is_not_whole() -> None:
    for interrupted, is_whole in ((0.9, False), (0.2, True), (2.0, False)):
        ear = Ear(silence=0.8)
        if interrupted < 1.0:
            ear.interrupted(interrupted)
        assert ear.completed(False, 1.08) is Sound.BEGAN
        if interrupted > 1.0:
            ear.interrupted(interrupted)
        ear.completed(False, 3.14)
        assert ear.completed(True, 3.9) is Sound.ENDED
        assert ear.last is not None
        assert ear.last.is_whole is is_whole


def test_highest_level_is_never_left() -> None:
    ear = Ear(silence=0.8)
    now = 0.0
    for _ in range(200):
        now += 0.5
        ear.completed(ear.listen(now).detector is Detector.SILENCE, now)
    assert ear.listen(now).level == LEVELS[-1]


def test_arguments_are_those_of_the_application() -> None:
    assert Ear(0.8).listen(0.0).arguments == "75 3 500"


def test_utterance_is_split_where_it_pauses() -> None:
    ear = Ear(silence=1.2)
    ear.completed(False, 1.08)
    assert ear.split(2.0) is None
    ear.completed(False, 3.14)
    assert ear.split(3.2) is None
    first = ear.split(3.4)
    assert first is not None
    assert (round(first.began, 2), round(first.ended, 2)) == (1.0, 3.0)
    assert not ear.is_hearing
    assert ear.completed(False, 3.5) is Sound.BEGAN
