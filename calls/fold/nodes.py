"""Nodes' processes, and which legs ended with them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from calls.fold.leg import presume_end, take_back_end
from schemas.call_record import CallLeg
from schemas.internal import NodeState

NODE_LOST = "node-lost"


@dataclass(frozen=True, slots=True)
class Process:
    """The process of a node that is known. `at`: the last that is known of it, by its clock."""

    boot: str
    at: datetime
    gone: bool  # it is down, or its lease has run out

    @classmethod
    def of(cls, state: NodeState) -> "Process":
        return cls(state.boot, state.at, state.down or state.lost)


def recheck(leg: CallLeg, process: Process) -> bool:
    """End a leg whose node's process is gone, or take that back; whether the leg has changed.

    Only times of the leg's own node are compared.
    """
    is_gone = process.gone if process.boot == leg.boot else leg.latest <= process.at
    if is_gone and leg.ended is None:
        presume_end(leg, NODE_LOST, max(process.at, leg.latest))
        return True
    if not is_gone and leg.presumed and leg.cause == NODE_LOST and process.boot == leg.boot:
        take_back_end(leg)
        return True
    return False
