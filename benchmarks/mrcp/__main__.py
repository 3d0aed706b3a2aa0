"""`python -m benchmarks.mrcp HOST:PORT`: how a recogniser behaves under load, over MRCPv2.

An open loop (RFC 6787): recognitions begin at a steady rate, whatever became of those before, so
that 1, 10 and 50 are held at once (`--at-once`). Each has a SIP session, a control connection and a
caller's audio of its own. The last line is one JSON object: delays of each level, completion
causes, and failures by reason. With the same audio and grammar, servers can be compared.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.figures import delays_ms, finish
from benchmarks.mrcp.audio import call as call_audio
from benchmarks.mrcp.audio import spoken
from benchmarks.mrcp.session import Call, Outcome, recognise
from benchmarks.mrcp.sip import SipClient
from benchmarks.scene import progress

_GRAMMAR = b"""<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" xml:lang="en-US" version="1.0" mode="voice" \
root="digit"><rule id="digit"><one-of><item>one</item><item>two</item><item>three</item>\
</one-of></rule></grammar>"""
_BEFORE, _AFTER = 0.5, 12.0
_DELAYS = ("setup", "accepted", "input", "result")


async def level(
    server: tuple[str, int], call: Call, at_once: int, seconds: float
) -> dict[str, Any]:
    """Figures with so many sessions held at once, over about so many seconds."""
    sip = SipClient(server)
    await sip.connect()
    try:
        first = await recognise(sip, call)
        pause = max(0.05, first.ended - first.began) / at_once
        began = monotonic()
        tasks: list[asyncio.Task[Outcome]] = []
        while (due := began + len(tasks) * pause) < began + seconds:
            await asyncio.sleep(due - monotonic())
            tasks.append(asyncio.create_task(recognise(sip, call)))
        outcomes = [await task for task in tasks]
    finally:
        sip.close()
    return summary(outcomes) | {"every_ms": round(pause * 1000, 1)}


def summary(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """The figures of a level. `held`: how many sessions were open on average, once all began."""
    outcomes = list(outcomes)
    found: dict[str, Any] = {"sessions": len(outcomes), "held": round(_held(outcomes), 1)}
    for name in _DELAYS:
        delays = [one for outcome in outcomes if (one := getattr(outcome, name)) is not None]
        found[name] = delays_ms(delays) if delays else {"count": 0}
    found["causes"] = dict(Counter(one.cause for one in outcomes if one.cause))
    found["failures"] = dict(Counter(one.failure for one in outcomes if one.failure))
    return found


def _held(outcomes: list[Outcome]) -> float:
    """The sessions' time between the first end and the last beginning, over that time."""
    begin, end = min(one.ended for one in outcomes), max(one.began for one in outcomes)
    if end <= begin:
        return float(len(outcomes))
    within = (max(0.0, min(one.ended, end) - max(one.began, begin)) for one in outcomes)
    return sum(within) / (end - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", metavar="HOST:PORT", help="its SIP address, UDP")
    parser.add_argument("--at-once", default="1,10,50", help="levels, by commas")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each level")
    parser.add_argument("--audio", type=Path, help="16-bit PCM at 8,000 Hz; default: a voiced tone")
    parser.add_argument("--grammar", type=Path, help="default: one, two or three (SRGS)")
    parser.add_argument("--grammar-type", default="application/srgs+xml")
    parser.add_argument("--call-uuids", action="store_true", help="name a call in each session")
    options = parser.parse_args()
    host, _, port = options.server.rpartition(":")
    grammar = options.grammar.read_bytes() if options.grammar else _GRAMMAR
    audio, speech_from, speech_until = call_audio(spoken(options.audio), _BEFORE, _AFTER)
    call = Call(audio, speech_from, speech_until, grammar, options.grammar_type, options.call_uuids)
    result: dict[str, Any] = {"server": options.server}
    for at_once in map(int, options.at_once.split(",")):
        progress(f"{at_once} at once...")
        server = host, int(port or 5060)
        result[str(at_once)] = asyncio.run(level(server, call, at_once, options.seconds))
    finish(result)


if __name__ == "__main__":
    main()
