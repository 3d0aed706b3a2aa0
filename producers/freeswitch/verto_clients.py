"""The switch's Verto clients as far as they are known: sessions by connection, and profiles.

Pure. The switch names a client differently in its events: verto::login has what the client wrote,
verto::client_disconnect and the listing the user that mod_verto made of it; only the login has the
session's id.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.vocabulary import Transport

SESSIONS_MAX = 100_000


class Connection(NamedTuple):
    """A client's WebSocket connection: the Verto profile and the client's address, as printed."""

    profile: str
    address: str


class Session(NamedTuple):
    """The user who logged in on a connection; `login` as the client wrote it.

    `aor` is None until a listing has shown which user the switch made of a login without a domain.
    """

    aor: str | None
    login: str
    session_id: str | None


@dataclass(slots=True)
class VertoClients:
    """The clients of one switch. Beyond SESSIONS_MAX sessions the oldest are forgotten."""

    sessions: OrderedDict[Connection, Session] = field(default_factory=OrderedDict)
    # Profiles whose users a listing has shown beside a login: where it forces a domain, which.
    domains: dict[str, str | None] = field(default_factory=dict)
    # Of profiles that listen for one of ws and wss only.
    transports: dict[str, Transport] = field(default_factory=dict)

    def remember(self, connection: Connection, session: Session) -> None:
        self.sessions.pop(connection, None)
        self.sessions[connection] = session
        if len(self.sessions) > SESSIONS_MAX:
            self.sessions.popitem(last=False)

    def name_of(self, profile: str, login: str) -> str | None:
        """`user@host` of a login; None where its domain is not known.

        `force-register-domain` of the profile replaces what the client wrote (check_auth in
        mod_verto.c).
        """
        domain = self.domains.get(profile)
        if domain is not None:
            return f"{login.partition('@')[0]}@{domain}"
        return login if "@" in login else None

    def learn(self, profile: str, login: str, name: str) -> None:
        """A listing shows the client of this login as this `user@host`."""
        user, _, domain = name.rpartition("@")
        if login == name:
            self.domains.setdefault(profile, None)
        elif login.partition("@")[0] == user:
            self.domains[profile] = domain

    def is_certain(self, profile: str, login: str) -> bool:
        """Whether the name by `name_of` needs no listing to confirm it."""
        return profile in self.domains and self.name_of(profile, login) is not None
