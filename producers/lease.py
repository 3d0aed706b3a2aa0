"""A node's lease: heartbeats while its server answers, and a listing after a silence.

The streams take a node as lost when its heartbeats stop (streams/batches/leases.py).
"""

from collections.abc import Callable


def keep_lease(
    beat: Callable[[], bool],
    ask_listing: Callable[[], None],
    wait: Callable[[float], bool],
    seconds: float,
) -> None:
    """Call `beat` every so many seconds, until `wait` returns True.

    `beat` publishes a heartbeat, or returns False where the server is silent. After a silence a
    listing is asked for, because the lease may have ended.
    """
    withheld = False
    while True:
        beaten = beat()
        if withheld and beaten:
            ask_listing()
        withheld = not beaten
        if wait(seconds):
            return
