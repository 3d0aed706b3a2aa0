"""One worker process of a stage with several: `python -m streams.child NUMBER SOCKET`.

The stage starts it with settings of its own in the environment, a bound socket for its HTTP, and a
pipe as stdin. The pipe ends when the stage does, also by SIGKILL, and the process with it: left
behind, it would keep its partitions and its instance's name from the workers of the next stage.
"""

import os
import socket
import sys

from runtime import logs
from runtime.owner import end_with_owner
from streams.stage import run


def main() -> None:
    """Run as process NUMBER of the stage, with HTTP on the inherited descriptor SOCKET."""
    number, descriptor = map(int, sys.argv[1:])
    logs.add_to_all(process=number)
    # At once: what is not committed is folded again.
    end_with_owner(lambda: os._exit(1))
    run(socket.socket(fileno=descriptor))


if __name__ == "__main__":
    main()
