"""Presence against a real Kamailio's own table, by generated clients: a small run of fixed scripts.

`python -m tests.registrars --count N --seed S` plays as many as you like.
"""

from tests.integration.kamailio_server import need_programs
from tests.registrars import running
from tests.registrars.kamailio import Kamailio

STEPS, SEED = 1500, 17


class _Kamailio(Kamailio):
    """Beside other tests on a busy machine, where a thread may wait for seconds for its turn."""

    deadline_seconds = 20.0


def test_presence_is_what_usrloc_lists() -> None:
    need_programs("kamailio")
    report: list[str] = []
    chosen = running.scripts(_Kamailio, SEED, STEPS)
    summary = running.run(_Kamailio, chosen, report.append)
    assert not summary.wrong, "\n".join(report)
    assert summary.steps >= STEPS
    # Without steps that the registrar took nothing was tried.
    assert summary.refused < summary.steps / 4
