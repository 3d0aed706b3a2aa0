"""Node events as transactions: what one changed of a node and its sweeps is undone if it fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from streams.batches.partition_state import PartitionState
from streams.batches.session_output import SessionOutput


@contextmanager
def all_or_nothing(partition: PartitionState, output: SessionOutput, node: str) -> Iterator[None]:
    """Undo what the block changed of the node's state, the sweeps and the output, if it raises.

    Node states are replaced, never changed: NodeState objects may be shared.
    """
    nodes, sweeps, written = partition.nodes, partition.sweeps, output.effects.state
    known, lengths = nodes.get(node), (len(sweeps), len(written))
    after = [sweep.after for sweep in sweeps]
    try:
        yield
    except Exception:
        if known is None:
            nodes.pop(node, None)
        else:
            nodes[node] = known
        del sweeps[lengths[0] :], written[lengths[1] :]
        for sweep, record in zip(sweeps, after, strict=True):
            sweep.after = record
        raise
