"""Presence against the own tables of a live OpenSIPS and FreeSWITCH, by generated clients."""

import pytest

from tests.live.programs import need_program
from tests.registrars import running
from tests.registrars.freeswitch import FreeSwitch
from tests.registrars.opensips import OpenSips
from tests.registrars.registrar import Registrar

STEPS, SEED = 1000, 16


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "variable", "program"),
    [
        (OpenSips, "ROLLCALL_TEST_OPENSIPS", "opensips"),
        (FreeSwitch, "ROLLCALL_TEST_FREESWITCH", "freeswitch"),
    ],
)
def test_presence_is_what_the_registrar_lists(
    kind: type[Registrar], variable: str, program: str
) -> None:
    need_program(variable, program)
    report: list[str] = []
    summary = running.run(kind, running.scripts(kind, SEED, STEPS), report.append)
    assert not summary.wrong, "\n".join(report)
    assert summary.steps >= STEPS
