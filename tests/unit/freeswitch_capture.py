"""Captures of a real switch, read the way the producer reads a socket."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from producers.freeswitch import event as events
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.framing import Frame, Framing
from producers.translated import Translated
from schemas.topic import Topic

CAPTURES = Path(__file__).parents[1] / "captures" / "freeswitch"
NAMES = sorted(path.stem for path in CAPTURES.glob("*.json"))
MARGIN = timedelta(seconds=60)


def frames(name: str) -> list[Frame]:
    read = list(Framing(4 * 2**20).feed((CAPTURES / f"{name}.json").read_bytes()))
    assert all(isinstance(frame, Frame) for frame in read)
    return [frame for frame in read if isinstance(frame, Frame)]


def bodies(name: str) -> list[bytes]:
    return [
        frame.body
        for frame in frames(name)
        if frame.headers.get("Content-Type") == "text/event-json"
    ]


def switch_events(name: str, *kinds: str) -> list[SwitchEvent]:
    """Events of a capture, of these names only where some are given."""
    read = [events.parse(body) for body in bodies(name)]
    return [event for event in read if not kinds or event.name in kinds]


def translated(name: str) -> list[Translated]:
    context = Context(None, MARGIN)
    return [
        record for event in switch_events(name) for record in translation.translate(event, context)
    ]


def of_topic(name: str, topic: Topic) -> list[Any]:
    return [record.event for record in translated(name) if record.topic is topic]


def truth(name: str) -> list[dict[str, Any]]:
    """What the SIP clients really did."""
    lines = (CAPTURES / f"{name}.truth.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
