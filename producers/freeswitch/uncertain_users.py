"""Users whose registrations only the switch's table shows, until the table has been asked. Pure."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from producers.freeswitch.rows import Name, Row
from producers.translated import Translated

# The switch deletes some rows through a queue, after the event (sofia_glue_execute_sql): those of a
# closed socket are not asked for at once, and what may be deleted so is asked for again, seconds.
QUEUED_SECONDS = 0.2
AGAIN_SECONDS = (0.25, 0.45)
# Beyond this many users one listing of everyone is cheaper.
UNCERTAIN_MAX = 200


class HeldEnd(NamedTuple):
    """An end of `row`, published only if the table has no other row of the same binding.

    `misnamed`: it came under another name than the row's, which may still be there.
    """

    record: Translated
    row: Row
    misnamed: bool = False


@dataclass(frozen=True, slots=True)
class UncertainUser:
    """A user to ask the table about, by the names that the switch has for them.

    `due`: seconds of the caller's clock. `again`: what is listed may still be deleted, so the table
    is asked again after each of these pauses. `row`: made by the REGISTER that is the reason.
    """

    aor: str
    profile: str
    names: tuple[Name, ...]
    due: float
    again: tuple[float, ...] = ()
    row: Row | None = None
    held: tuple[HeldEnd, ...] = ()


@dataclass(slots=True)
class UncertainUsers:
    """The users of one switch, each once."""

    _by_aor: dict[str, UncertainUser] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_aor)

    def add(self, user: UncertainUser) -> None:
        """Several reasons cost one question, unless one is to be asked later than another."""
        waiting = self._by_aor.get(user.aor)
        if waiting is not None:
            apart = abs(user.due - waiting.due) > QUEUED_SECONDS / 2
            user = replace(
                user,
                due=min(user.due, waiting.due),
                again=max(user.again, waiting.again, AGAIN_SECONDS[1:] if apart else (), key=len),
                row=user.row or waiting.row,
                held=waiting.held + user.held,
                names=tuple(dict.fromkeys(waiting.names + user.names)),
            )
        self._by_aor[user.aor] = user

    def take_due(self, now: float, limit: int) -> list[UncertainUser]:
        """Remove and return those to be asked about now, so many at most."""
        due = [user for user in self._by_aor.values() if user.due <= now][:limit]
        for user in due:
            del self._by_aor[user.aor]
        return due

    def clear(self) -> list[Translated]:
        """Remove all; the ends that were held back for them."""
        held = [held.record for user in self._by_aor.values() for held in user.held]
        self._by_aor.clear()
        return held
