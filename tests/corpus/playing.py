"""The corpus at one registrar, over one network: what its table holds, what presence shows."""

import time
from typing import NamedTuple

from tests.corpus import torture
from tests.corpus.sending import Network, Sender, of_another_user
from tests.corpus.shapes import registers
from tests.registrars.comparing import Difference, compare
from tests.registrars.registrar import Registrar
from tests.registrars.table import Row

_FIRST = {"udp": 1000, "tcp": 2000}


class Sent(NamedTuple):
    """One message; only its user's name contains `token`."""

    name: str
    token: str
    status: int | None


class Played:
    """Sends them all; their sockets are open until `close`."""

    def __init__(self, registrar: Registrar, network: Network) -> None:
        self._registrar = registrar
        self._sender = Sender(network, registrar.ports[0])
        messages = [(shape.name, shape.data) for shape in registers()]
        messages += [(name, torture.message(name)) for name in torture.names()]
        self.sent = []
        for number, (name, data) in enumerate(messages, _FIRST[network]):
            token = f"q{number}z"
            status = self._sender.send(of_another_user(data, token))
            self.sent.append(Sent(name, token, status))
        self.read_table()

    def read_table(self) -> None:
        """Ask the registrar again: FreeSWITCH writes its table after it has answered."""
        self._table = self._registrar.table(time.monotonic())

    def rows(self, one: Sent) -> list[Row]:
        """What the registrar's table holds of this message's user."""
        return self._table.get(one.token, [])

    def difference(self, one: Sent) -> Difference:
        """The table against presence."""
        shown = self._registrar.view.shown(one.token)
        return compare(self.rows(one), shown, lambda _: False)

    def wrong(self) -> list[str]:
        """Where the two differ now, of all messages."""
        self.read_table()
        lines = [(one, self.difference(one).lines) for one in self.sent]
        return [f"{one}: {line}" for one, found in lines for line in found]

    def close(self) -> None:
        self._sender.close()
