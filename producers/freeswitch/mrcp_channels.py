"""Which MRCP channel belongs to which leg: mod_unimrcp's profile events name no call. Pure.

`unimrcp::profile_open` comes before the MEDIA_BUG_START of its leg, `profile_close` before or just
after the leg's own event of the end. A close that no leg's end follows is the server's: it was
killed, and FreeSWITCH reports nothing of the call until its hangup.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.vocabulary import SpeechResource

# A leg's own event of the end follows the profile's within milliseconds.
UNCLAIMED_AFTER = timedelta(seconds=1)
_WAITING_MAX = 1000

Profile = tuple[str, SpeechResource]


@dataclass(slots=True)
class MrcpChannels:
    """Bounded: the latest thousand opens and closes that no leg has claimed."""

    _opens: deque[Profile] = field(default_factory=lambda: deque(maxlen=_WAITING_MAX))
    _closes: deque[tuple[Profile, datetime]] = field(
        default_factory=lambda: deque(maxlen=_WAITING_MAX)
    )
    # The profile of each channel that a leg has open.
    _of_leg: dict[tuple[str, SpeechResource], str] = field(default_factory=dict)

    def opened(self, profile: Profile) -> None:
        """A channel was opened for some leg."""
        self._opens.append(profile)

    def closed(self, profile: Profile, at: datetime) -> None:
        """A channel of some leg was closed."""
        self._closes.append((profile, at))

    def claim_open(self, leg: str, resource: SpeechResource) -> str | None:
        """The profile of the leg that works from now on: of the latest open, or as before."""
        for profile in reversed(self._opens):
            if profile[1] is resource:
                self._opens.remove(profile)
                self._of_leg[leg, resource] = profile[0]
                break
        return self._of_leg.get((leg, resource))

    def claim_close(self, leg: str, resource: SpeechResource) -> None:
        """The leg's channel is closed: the profile's event of it, if any, is explained."""
        name = self._of_leg.pop((leg, resource), None)
        if name is None:
            return
        for close in self._closes:
            if close[0] == (name, resource):
                self._closes.remove(close)
                return

    def profile_of(self, leg: str) -> str | None:
        """The profile of the channel that the leg's recogniser has open."""
        return self._of_leg.get((leg, SpeechResource.RECOGNISER))

    def forget(self, leg: str) -> None:
        """The leg has ended."""
        for resource in SpeechResource:
            self._of_leg.pop((leg, resource), None)

    def lost(self, open_channels: dict[Profile, int], now: datetime) -> dict[Profile, datetime]:
        """The profiles all of whose channels were closed by the server, and when the last was.

        `open_channels`: how many live sessions each profile has. Fewer closes than sessions show
        only that some were closed, not which: these wait for the events of their calls.
        """
        counts: dict[Profile, list[datetime]] = {}
        for profile, at in self._closes:
            if now - at >= UNCLAIMED_AFTER:
                counts.setdefault(profile, []).append(at)
        found = {}
        for profile, times in counts.items():
            live = open_channels.get(profile, 0)
            if len(times) >= live:
                self._closes = deque(
                    (close for close in self._closes if close[0] != profile), _WAITING_MAX
                )
                if live:
                    found[profile] = max(times)
        return found
