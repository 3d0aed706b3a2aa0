"""The 20 greetings of the test IVR, each a habit of real ones."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.ivr.audio import Samples, join, music, silence, speech, tone

_Audio = Callable[[], Samples]


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """`barge_in`: digits are taken while it plays. `window`: for how long after it.

    Seconds: `rings` (180) before anything, `early` of a ringing tone in early media, `late` from
    the answer to the first packet. `stays_early`: never answered before an extension is reached.
    `waits_for_media`: sends nothing before the caller does. `refused`: the silence between its
    words to a wrong extension and the greeting again.
    """

    name: str
    audio: _Audio
    barge_in: bool = False
    window: float = 6.0
    noise: float = 0.0
    rings: float = 0.0
    early: float = 0.0
    late: float = 0.0
    stays_early: bool = False
    waits_for_media: bool = False
    refused: float = 1.5


def _paused(pause: float) -> _Audio:
    return lambda: join(
        speech(f"welcome {pause}", 2.0),
        silence(pause),
        speech(f"this call {pause}", 1.6),
        silence(pause),
        speech(f"enter {pause}", 2.2),
    )


def _spoken(text: str, seconds: float) -> _Audio:
    return lambda: speech(text, seconds)


GREETINGS = (
    Greeting(name="short", audio=_spoken("short", 1.5)),
    Greeting(name="usual", audio=_spoken("usual", 4.0)),
    Greeting(name="long", audio=_spoken("long", 12.0)),
    Greeting(name="barge-in-short", audio=_spoken("barge", 2.5), barge_in=True),
    Greeting(name="barge-in-long", audio=_spoken("barge long", 10.0), barge_in=True),
    Greeting(name="pauses-half-a-second", audio=_paused(0.5)),
    Greeting(name="pauses-almost-a-second", audio=_paused(0.9)),
    Greeting(name="silent", audio=lambda: silence(0), window=12.0),
    Greeting(name="beep", audio=lambda: join(silence(2.5), tone(1000, 0.4))),
    Greeting(name="late-greeting", audio=lambda: join(silence(2.5), speech("later", 3.0))),
    Greeting(name="early-media-greeting", audio=_spoken("early", 4.0), stays_early=True),
    Greeting(name="early-media-ringing", audio=_spoken("after ringing", 3.5), early=5.0),
    Greeting(name="rings-then-answers", audio=_spoken("rings", 3.0), rings=3.0),
    Greeting(name="noise-low", audio=_spoken("noise low", 4.0), noise=60),
    Greeting(name="noise-high", audio=_spoken("noise high", 6.0), noise=250, window=8.0),
    Greeting(name="noise-and-pauses", audio=_paused(0.6), noise=100),
    Greeting(name="late-media", audio=_spoken("late", 3.0), late=2.0),
    Greeting(name="very-late-media", audio=_spoken("very late", 4.0), late=4.0),
    Greeting(name="waits-for-media", audio=_spoken("waits", 3.0), waits_for_media=True),
    Greeting(name="music-first", audio=lambda: join(music("jingle", 2.5), speech("music", 4.0))),
)
