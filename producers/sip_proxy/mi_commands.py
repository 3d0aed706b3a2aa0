"""Which commands a server has: one that its modules do not offer is asked for once a process.

A proxy without usrloc or dialog has nothing to list, and logs an error each time it is asked.
"""

from collections.abc import Callable
from typing import Any

from producers.sip_proxy.errors import MiUnknown
from producers.sip_proxy.mi import Mi


class KnownCommands:
    """A management interface, Kamailio's alike. `boot` names the process that is asked."""

    def __init__(self, mi: Mi, boot: Callable[[], str]) -> None:
        self._mi = mi
        self._boot = boot
        self._asked_of = boot()
        self._unknown: dict[str, str] = {}  # and how they were refused

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        """Raises MiError; MiUnknown without asking where this process has refused it before."""
        if (boot := self._boot()) != self._asked_of:
            self._asked_of = boot  # it may have been configured anew
            self._unknown.clear()
        if (known := self._unknown.get(command)) is not None:
            raise MiUnknown(known)
        try:
            return self._mi.call(command, parameters)
        except MiUnknown as error:
            self._unknown[command] = str(error)
            raise
