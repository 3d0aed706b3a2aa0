"""Forgetting a user within a batch: the session goes, and what is folded afterwards finds none."""

from streams.batches.open_sessions import OpenSessions
from streams.batches.partition_state import PartitionState
from streams.batches.placement import check_placement
from streams.batches.session_output import SessionOutput
from streams.models import ForgetCommand


def forget(
    partition: PartitionState, sessions: OpenSessions, output: SessionOutput, command: ForgetCommand
) -> None:
    """Delete a user's session, with all that the batch has made of it. Raises Misplaced.

    Tombstones are written also where there is no session: a batch that is read again after a crash
    may have written a part of them only.
    """
    key = command.aor.encode()
    check_placement(key, partition.number, partition.partitions)
    for sweep in partition.sweeps:
        sweep.claim(key)
    sessions.drop(key)
    partition.sessions.pop(key, None)
    partition.index.forget(key)
    output.forget(key, command)
