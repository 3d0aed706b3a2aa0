"""Generated calls, and the delivery of their events: lost, late, doubled. Of one seed each."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas.call import CallEvent
from schemas.vocabulary import CallKind, Direction, HungUpBy, LegEndedBy
from tests.unit.calls.folding import START, event

PARTITIONS = 4
NODES = ("fs-1", "fs-2", "fs-3")
EDGE = "edge"


@dataclass
class Made:
    """One call, as it was: its events by leg, in order."""

    legs: dict[tuple[str, str], list[CallEvent]] = field(default_factory=dict)


class Generator:
    """Calls that begin within ten minutes: plain ones, over an edge, forked, held, transferred."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._seq = 0

    def call(self, number: int) -> Made:
        made, node = Made(), self.random.choice(NODES)
        self._at = self.random.uniform(0, 600)
        a, caller = f"a{number}", f"sip:u{number}@x"
        outgoing = {"call": a, "aor": caller, "direction": Direction.OUTGOING, "sip_call_id": a}
        through_edge = self.random.random() < 0.3
        if through_edge:
            self._dialog(made, f"k{number}", a, caller, answered=True)
        self._add(made, CallKind.TRYING, a, node, outgoing)
        branches = [f"b{number}.{n}" for n in range(self.random.choice((1, 1, 1, 2, 3)))]
        incoming = {
            b: {
                "call": a,
                "aor": f"sip:v{b}@x",
                "direction": Direction.INCOMING,
                "sip_call_id": f"{b}@x",
            }
            for b in branches
        }
        for b in branches:
            self._add(made, CallKind.TRYING, b, node, incoming[b])
            self._add(made, CallKind.RINGING, b, node, incoming[b])
        if self.random.random() < 0.7:
            self._talk(made, a, node, outgoing, branches[0], incoming)
        for b in branches:
            self._add(made, CallKind.ENDED, b, node, incoming[b], cause="NORMAL_CLEARING")
        self._add(
            made,
            CallKind.ENDED,
            a,
            node,
            outgoing,
            cause="NORMAL_CLEARING",
            ended_by=LegEndedBy.PARTY,
        )
        return made

    def _talk(
        self, made: Made, a: str, node: str, outgoing: dict[str, Any], b: str, incoming: Any
    ) -> None:
        self._add(made, CallKind.ANSWERED, b, node, incoming[b])
        self._add(made, CallKind.ANSWERED, a, node, outgoing)
        self._add(made, CallKind.BRIDGED, a, node, outgoing, other_leg=b)
        for _ in range(self.random.choice((0, 0, 1, 2))):
            self._add(made, CallKind.HELD, b, node, incoming[b])
            self._add(made, CallKind.RESUMED, b, node, incoming[b])
        for _ in range(self.random.choice((0, 4))):
            self._add(made, CallKind.DTMF, a, node, outgoing)

    def _dialog(self, made: Made, key: str, call_id: str, caller: str, *, answered: bool) -> None:
        side = {
            "call": key,
            "aor": caller,
            "direction": Direction.OUTGOING,
            "sip_call_id": call_id,
        }
        kinds = [CallKind.TRYING, CallKind.RINGING, *([CallKind.ANSWERED] if answered else [])]
        for kind in (*kinds, CallKind.ENDED):
            self._add(made, kind, f"{key}/caller", EDGE, side)
        # As accounting does, which comes after the dialog's end.
        again = {"hung_up_by": HungUpBy.CALLER, "status_code": 200}
        self._add(made, CallKind.ENDED, f"{key}/caller", EDGE, side, **again)

    def _add(
        self, made: Made, kind: CallKind, leg: str, node: str, side: dict[str, Any], **more: Any
    ) -> None:
        self._seq += 1
        self._at += self.random.uniform(0.01, 3)
        at = START + timedelta(seconds=self._at)
        one = event(kind, self._seq, leg, node, at=at, **side, **more)
        made.legs.setdefault((node, leg), []).append(one)


def delivered(made: list[Made], chance: random.Random) -> list[tuple[float, CallEvent]]:
    """Each event after its delay: some never, some twice. A leg's order is kept by no means."""
    found: list[tuple[float, CallEvent]] = []
    for call in made:
        for events in call.legs.values():
            for one in events:
                if chance.random() < (0.15 if one.kind is CallKind.ENDED else 0.05):
                    continue
                for _ in range(2 if chance.random() < 0.2 else 1):
                    delay = chance.expovariate(1 / 2)
                    found.append(((one.at - START).total_seconds() + delay, one))
    return sorted(found, key=lambda item: item[0])
