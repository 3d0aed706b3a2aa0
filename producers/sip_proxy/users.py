"""Names in the server's events → AORs: usrloc's `user` or `user@domain`, a call's URI. Pure."""

import contextlib
import re
from collections.abc import Iterable

from schemas.codec import InvalidRecord
from schemas.sip_uri import MalformedUri, canonical_aor, parse_uri

_MAX_DOMAINS = 10_000
# Whose registrar folds the case of user parts unless it is configured otherwise.
_FOLDING = frozenset({"kamailio"})
_ESCAPE = re.compile(r"(%[0-9A-F]{2})")


class Users:
    """`domain` completes AORs without one (usrloc's use_domain=0).

    Parties of calls are users where their host is one of `domains`, or one under which a
    registration was seen; all others are callers behind trunks. Unless `case_sensitive` user
    parts are folded to lower case, as the registrar folds what it stores and looks up
    (`case_sensitive` of Kamailio's and OpenSIPS' registrar modules; None: their default).
    """

    def __init__(
        self,
        domain: str | None = None,
        domains: Iterable[str] = (),
        section: str = "opensips",
        *,
        case_sensitive: bool | None = None,
    ) -> None:
        self._section = section
        if case_sensitive is None:
            case_sensitive = section not in _FOLDING
        self._case_sensitive = case_sensitive
        self._domain = domain.lower() if domain else None
        self._domains = {name.lower() for name in domains}
        if self._domain:
            self._domains.add(self._domain)
        self._configured = frozenset(self._domains)

    def stored(self, name: str, field: str = "aor") -> str:
        """The canonical AOR of a name in usrloc's table. Raises InvalidRecord.

        With use_domain=0, where `domain` is configured, it is the user part alone and decoded:
        `john@corp.com` is `john%40corp.com` there, unless it names a domain that is configured.
        """
        host = name.rpartition("@")[2].lower()
        if self._domain is None or host in self._configured:
            return self.registered(name, field)
        try:
            return self._canonical(name, self._domain)
        except MalformedUri as error:
            raise InvalidRecord(field, str(error)) from error

    def hides(self, name: str) -> bool:
        """Whether the server cannot list the user: without domains it cuts names at their first
        `@` (mi_fix_aor() in OpenSIPS' ul_mi.c, rpc_fix_aor() in Kamailio's ul_rpc.c), and would
        list another user.
        """
        if self._domain is None:
            return False
        user, _, host = name.rpartition("@")
        return "@" in (user if host.lower() in self._configured else name)

    @property
    def completes(self) -> bool:
        """Whether names without a domain get a configured one."""
        return self._domain is not None

    def registered(self, aor: str, field: str = "aor") -> str:
        """The canonical AOR of usrloc's `aor`. Raises InvalidRecord."""
        user, at, host = aor.rpartition("@")
        if not at:
            if self._domain is None:
                raise InvalidRecord(field, f"has no domain; set {self._section}.domain")
            user, host = aor, self._domain
        try:
            canonical = self._canonical(user, host)
        except MalformedUri as error:
            raise InvalidRecord(field, str(error)) from error
        if len(self._domains) < _MAX_DOMAINS:
            self._domains.add(canonical.partition("@")[2])
        return canonical

    def in_known_domains(self, name: str) -> list[str]:
        """The possible AORs of a name without its domain: one for each known domain."""
        found = []
        for domain in sorted(self._domains):
            with contextlib.suppress(MalformedUri):
                found.append(self._canonical(name, domain))
        return found

    def party(self, uri: str | None) -> str | None:
        """The AOR of a caller or callee; None where it is no user, or the URI no SIP URI."""
        if uri is None:
            return None
        try:
            parsed = parse_uri(uri)
            if parsed.user is None or parsed.host not in self._domains:
                return None
            return self._canonical(parsed.user, self._domain or parsed.host)
        except MalformedUri:
            return None

    def _canonical(self, user: str, host: str) -> str:
        aor = canonical_aor(user, host)
        if self._case_sensitive:
            return aor
        name, _, domain = aor.rpartition("@")
        return f"{_lower(name)}@{domain}"


def _lower(name: str) -> str:
    """In lower case, but for escapes, whose canonical form is in upper case."""
    return "".join(
        part if place % 2 else part.lower() for place, part in enumerate(_ESCAPE.split(name))
    )
