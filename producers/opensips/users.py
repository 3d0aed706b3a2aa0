"""Which AOR a name of the server's means: usrloc's `user` or `user@domain`, a call's URI."""

from collections.abc import Iterable

from schemas.codec import InvalidRecord
from schemas.sip_uri import MalformedUri, aor_of, canonical_aor, parse_uri

_MAX_DOMAINS = 10_000


class Users:
    """`domain` completes AORs without one (usrloc's use_domain=0).

    Parties of calls are users where their host is one of `domains`, or one under which a
    registration was seen; all others are strangers behind trunks.
    """

    def __init__(
        self, domain: str | None = None, domains: Iterable[str] = (), section: str = "opensips"
    ) -> None:
        self._section = section
        self._domain = domain.lower() if domain else None
        self._domains = {name.lower() for name in domains}
        if self._domain:
            self._domains.add(self._domain)

    def registered(self, aor: str, field: str = "aor") -> str:
        """The canonical AOR of usrloc's `aor`. Raises InvalidRecord."""
        user, at, host = aor.rpartition("@")
        if not at:
            if self._domain is None:
                raise InvalidRecord(field, f"has no domain; set {self._section}.domain")
            user, host = aor, self._domain
        try:
            canonical = canonical_aor(user, host)
        except MalformedUri as error:
            raise InvalidRecord(field, str(error)) from error
        if len(self._domains) < _MAX_DOMAINS:
            self._domains.add(canonical.partition("@")[2])
        return canonical

    def party(self, uri: str | None) -> str | None:
        """The AOR of a caller or callee; None for strangers and for what is no SIP URI."""
        if uri is None:
            return None
        try:
            parsed = parse_uri(uri)
            if parsed.user is None or parsed.host not in self._domains:
                return None
            return canonical_aor(parsed.user, self._domain) if self._domain else aor_of(uri)
        except MalformedUri:
            return None
