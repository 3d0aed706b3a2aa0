"""What every check of the doctor is: a name, and a function that returns what it found."""

from collections.abc import Callable

Check = tuple[str, Callable[[], str]]
# For one answer of one server.
SECONDS = 5.0


class CheckFailed(Exception):
    """The message has the fault, `remedy` what to do about it."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.remedy = remedy
