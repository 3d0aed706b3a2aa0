"""How long a producer waits between two attempts to reach its server. Pure.

A refused connection is answered at once and costs nothing: nothing listens there, as while a server
restarts. So it is tried again soon, for ever, and the producer is back as soon as the server is.
After timeouts, and errors of a server that answers, the waits grow.
"""

import random
from collections.abc import Callable

_FIRST_SECONDS, _LEAST_SECONDS = 0.25, 0.1


class Backoff:
    """Waits for one address. A new kind of failure begins anew: something has changed there."""

    def __init__(
        self,
        refused: float,
        longest: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Seconds: the wait after a refused connection, and the longest after anything else."""
        self._refused = min(refused, longest)
        self._longest = longest
        self._uniform = uniform
        self._reason: str | None = None
        self._bound = _FIRST_SECONDS

    def reset(self) -> None:
        """The server has answered, or served for long: the next failure begins anew."""
        self._reason = None

    def after(self, reason: str, *, is_refused: bool = False) -> float:
        """Seconds to wait after a failure of this kind.

        Random up to a bound that doubles, so that producers of many nodes do not come all at once.
        """
        if is_refused:
            self.reset()
            return self._refused
        if reason != self._reason:
            self._reason, self._bound = reason, _FIRST_SECONDS
        bound, self._bound = self._bound, min(self._bound * 2, self._longest)
        return min(max(_LEAST_SECONDS, self._uniform(0, bound)), self._longest)
