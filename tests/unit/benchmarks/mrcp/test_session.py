"""Whole recognitions against a scripted server: each delay is what the script makes it."""

import asyncio

import pytest

from benchmarks.mrcp.__main__ import level, summary
from benchmarks.mrcp.audio import call as call_audio
from benchmarks.mrcp.audio import spoken
from benchmarks.mrcp.session import Call, Outcome, recognise
from benchmarks.mrcp.sip import SipClient
from tests.unit.benchmarks.mrcp.recogniser import Recogniser, Script

AUDIO, FIRST, LAST = call_audio(spoken(None, 0.1), 0.06, 2.0)
CALL = Call(AUDIO, FIRST, LAST, b"<grammar/>", "application/srgs+xml")


def tried(script: Script) -> tuple[Outcome, Recogniser]:
    async def main() -> tuple[Outcome, Recogniser]:
        server = Recogniser(script)
        sip = SipClient(await server.start())
        await sip.connect()
        try:
            return await recognise(sip, CALL), server
        finally:
            sip.close()
            server.stop()

    return asyncio.run(main())


def test_a_recognition() -> None:
    outcome, server = tried(Script(after=0.2))
    assert (outcome.failure, outcome.cause) == ("", "000 success")
    assert None not in (outcome.setup, outcome.accepted, outcome.input)
    assert outcome.result is not None
    assert outcome.result >= 0.19
    assert (server.byes, server.calls) == (1, set())


def test_a_lost_invite_is_sent_again() -> None:
    outcome, server = tried(Script(ignored=1))
    assert (outcome.failure, server.invites) == ("", 2)
    assert outcome.setup is not None
    assert outcome.setup >= 0.5


@pytest.mark.parametrize(
    ("script", "failure", "cause", "byes"),
    [
        (Script(invite=486), "Refused: INVITE: 486", "", 0),
        (Script(recognize="407 COMPLETE"), "Refused: RECOGNIZE: 407", "", 1),
        (Script(ends=True), "Refused: the control connection ended without a result", "", 1),
    ],
)
def test_what_goes_wrong_is_named_and_every_session_is_ended(
    script: Script, failure: str, cause: str, byes: int
) -> None:
    outcome, server = tried(script)
    assert (outcome.failure, outcome.cause, server.byes) == (failure, cause, byes)
    assert outcome.result is None


def test_a_level_holds_as_many_as_it_names() -> None:
    async def main() -> None:
        server = Recogniser(Script(cause="001 no-match"))
        try:
            found = await level(await server.start(), CALL, 4, 1.0)
        finally:
            server.stop()
        assert found["failures"] == {}
        assert found["causes"] == {"001 no-match": found["sessions"]}
        assert found["sessions"] == found["result"]["count"] >= 4
        assert found["held"] > 2

    asyncio.run(main())


def test_failures_are_counted_by_reason() -> None:
    failed = Outcome(began=1.0, ended=2.0, failure="Refused: INVITE: 486")
    well = Outcome(began=1.5, ended=3.0, result=0.2, cause="000 success")
    found = summary([failed, failed, well])
    assert found["failures"] == {"Refused: INVITE: 486": 2}
    assert (found["result"]["count"], found["setup"]) == (1, {"count": 0})
