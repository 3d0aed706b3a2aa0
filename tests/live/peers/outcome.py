"""What came of one scenario, and the table of all. Pure."""

import json
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """Of one scenario at one server."""

    PASSED = "passed"  # the server did what it expects, and presence agrees with the server
    REFUSED = "refused"  # the server did otherwise, and presence agrees with the server
    WRONG = "wrong"  # presence disagrees, a stage ended, or a dead letter says not why
    SKIPPED = "skipped"


class Outcome(NamedTuple):
    """`detail`: why it was skipped, what the server did otherwise, or what is wrong."""

    name: str
    verdict: Verdict
    detail: str = ""


def judge(name: str, *, status: int, calls: int, complaint: str, wrong: Sequence[str]) -> Outcome:
    """`status` is SIPp's exit status, `calls` how many it made, `complaint` its first error,
    `wrong` what Rollcall got wrong.

    Its exit status does not tell a scenario that it cannot read from a call that failed.
    """
    if wrong:
        return Outcome(name, Verdict.WRONG, "; ".join(wrong))
    if not calls:
        return Outcome(name, Verdict.SKIPPED, f"SIPp cannot run it: {complaint or status}")
    if status == 0:
        return Outcome(name, Verdict.PASSED)
    return Outcome(name, Verdict.REFUSED, complaint or f"SIPp ended with {status}")


def summary(suite: str, server: str, outcomes: Sequence[Outcome]) -> str:
    """One line of JSON."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    wrong = [outcome.name for outcome in outcomes if outcome.verdict is Verdict.WRONG]
    numbers = {verdict.value: counts[verdict] for verdict in Verdict}
    return json.dumps({"suite": suite, "server": server, **numbers, "wrong_names": wrong})
