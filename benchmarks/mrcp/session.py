"""One recognition: SIP session, control connection, speech, result; and when each came."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

from benchmarks.mrcp.audio import PACKET_SECONDS, packets
from benchmarks.mrcp.message import request
from benchmarks.mrcp.sdp import NoChannel, Place, offer, place_in
from benchmarks.mrcp.sip import Refused, SipClient
from producers.mrcp.message import Message, Messages, NotMrcp

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """What each session does: its audio, the first and last packet with speech, and the grammar.

    `names_call`: whether it names a call of its own as x-call-uuid, as mod_unimrcp does where the
    dialplan has it so.
    """

    audio: bytes
    speech_from: int
    speech_until: int
    grammar: bytes
    grammar_type: str
    names_call: bool = False


@dataclass
class Outcome:
    """Seconds: `setup` from the INVITE to its 200, `accepted` from RECOGNIZE to its response,
    `input` from the first packet of speech to START-OF-INPUT, `result` from the last packet of
    speech to RECOGNITION-COMPLETE. None: it did not come. `failure`: why there is no result."""

    began: float = field(default_factory=monotonic)
    setup: float | None = None
    accepted: float | None = None
    input: float | None = None
    result: float | None = None
    cause: str = ""
    failure: str = ""
    ended: float = 0.0


async def recognise(sip: SipClient, call: Call) -> Outcome:
    """One session from its INVITE to its BYE. Raises nothing of the server's doing."""
    outcome = Outcome()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await _session(sip, call, outcome)
    except (Refused, NoChannel, NotMrcp, OSError) as error:
        outcome.failure = f"{type(error).__name__}: {error}"
    except TimeoutError:
        outcome.failure = f"no end within {_TIMEOUT_SECONDS:.0f} s"
    outcome.ended = monotonic()
    return outcome


async def _session(sip: SipClient, call: Call, outcome: Outcome) -> None:
    loop = asyncio.get_running_loop()
    rtp, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(sip.host, 0))
    dialog = None
    try:
        port = rtp.get_extra_info("sockname")[1]
        dialog, answer = await sip.invite(offer(sip.host, port, secrets.randbits(31)))
        outcome.setup = monotonic() - outcome.began
        await _recognition(place_in(answer), rtp, call, outcome)
    finally:
        rtp.close()
        if dialog is not None:
            await sip.bye(dialog)


async def _recognition(
    place: Place, rtp: asyncio.DatagramTransport, call: Call, outcome: Outcome
) -> None:
    reader, writer = await asyncio.open_connection(*place.control)
    speaking = None
    try:
        writer.write(_recognize(place.channel, call))
        asked = monotonic()
        times: dict[int, float] = {}
        async for answer in _answers(reader):
            now = monotonic()
            if not answer.method:
                if answer.status >= 300 or answer.state == "COMPLETE":
                    outcome.cause = answer.cause
                    raise Refused(f"RECOGNIZE: {answer.status} {answer.cause}".strip())
                outcome.accepted = now - asked
                speaking = asyncio.create_task(_speak(rtp, place.audio, call.audio, times))
            elif answer.method == "START-OF-INPUT" and call.speech_from in times:
                outcome.input = now - times[call.speech_from]
            elif answer.method == "RECOGNITION-COMPLETE":
                outcome.cause = answer.cause
                if call.speech_until not in times:
                    raise Refused(f"a result before the end of the speech: {answer.cause}")
                outcome.result = now - times[call.speech_until]
                return
        raise Refused("the control connection ended without a result")
    finally:
        if speaking is not None:
            speaking.cancel()
        writer.close()


def _recognize(channel: str, call: Call) -> bytes:
    headers = {
        "Channel-Identifier": channel,
        "Content-Type": call.grammar_type,
        "Content-Id": "load",
        "Cancel-If-Queue": "false",
        "Start-Input-Timers": "true",
        "No-Input-Timeout": "10000",
        "Recognition-Timeout": "20000",
    }
    if call.names_call:
        headers["Vendor-Specific-Parameters"] = f"x-call-uuid={uuid.uuid4()}"
    return request("RECOGNIZE", 1, headers, call.grammar)


async def _answers(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    answers = Messages()
    while data := await reader.read(65_536):
        for answer in answers.feed(data):
            yield answer


async def _speak(
    rtp: asyncio.DatagramTransport, to: tuple[str, int], audio: bytes, times: dict[int, float]
) -> None:
    """Send each packet when it is due; `times` gets when that was, by number."""
    began = monotonic()
    for number, packet in enumerate(packets(audio, secrets.randbits(32))):
        await asyncio.sleep(began + number * PACKET_SECONDS - monotonic())
        rtp.sendto(packet, to)
        times[number] = monotonic()
