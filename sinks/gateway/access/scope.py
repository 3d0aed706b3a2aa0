"""What one client may see: which users, and which parts of their records (pure).

What a client asks for is checked against its scope before anything is looked up, so that no answer
depends on users outside it: one of those and one that does not exist look the same.
"""

from collections.abc import Set
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from sinks.gateway.access.call_redaction import redacted_call
from sinks.gateway.access.redaction import ALL_PARTS, Part, redacted_message, redacted_record
from sinks.gateway.errors import Forbidden
from sinks.gateway.message import Message, domain_of
from sinks.gateway.subscriber import Watch

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Scope:
    """These users, everybody of these domains, or (`everybody`) all; `parts` of their records.

    `may_dial`: whether its holder may have calls made. AORs and domains are canonical
    (query.aor_in, query.domain_in). One that names nobody sees nobody.
    """

    aors: Set[str] = frozenset()
    domains: Set[str] = frozenset()
    parts: frozenset[Part] = field(default=frozenset())
    everybody: bool = False
    may_dial: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.everybody or self.aors or self.domains)

    def allows(self, aor: str) -> bool:
        """Whether the user may be seen."""
        return self.everybody or aor in self.aors or domain_of(aor) in self.domains

    def allows_domain(self, domain: str) -> bool:
        """Whether everybody of the domain may be seen."""
        return self.everybody or domain in self.domains

    def grants(self, part: Part) -> bool:
        """Whether that part of a record may be seen, searched or sorted by."""
        return part in self.parts

    def check(self, aor: str, name: str = "aor") -> None:
        """Raises Forbidden naming the field `name`: the user is outside."""
        if not self.allows(aor):
            raise Forbidden("a user whom this token does not show", name)

    def check_domain(self, domain: str, name: str = "domain") -> None:
        """Raises Forbidden naming the field `name`: the domain is outside."""
        if not self.allows_domain(domain):
            raise Forbidden("a domain that this token does not show", name)

    def narrowed(self, asked: Watch) -> Watch:
        """Whom a request watches: what it asks for; where that is everybody, all of the scope.

        Raises Forbidden naming the field where anybody asked for is outside.
        """
        for aor in asked.aors:
            self.check(aor)
        for domain in asked.domains:
            self.check_domain(domain)
        if not asked.everybody or self.everybody:
            return asked
        if self.is_empty:
            raise Forbidden("this token shows nobody")
        return replace(asked, aors=frozenset(self.aors), domains=frozenset(self.domains))

    def redact(self, message: Message) -> Message:
        """The message without the parts that are not granted; kept for the next subscriber."""
        if self.parts == ALL_PARTS or not message.version:
            return message
        return redacted_message(message, self.parts)

    def redact_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """The same for a record as JSON."""
        return redacted_record(record, self.parts)

    def shown_call(self, value: bytes) -> bytes:
        """The same for a call record, as JSON text: in which somebody of the scope takes part."""
        return value if self.parts == ALL_PARTS else _encode(self.redact_call(_decode(value)))

    def redact_call(self, record: dict[str, Any]) -> dict[str, Any]:
        """The same for one as JSON."""
        return redacted_call(record, self.parts, self.allows)


EVERYTHING = Scope(parts=ALL_PARTS, everybody=True)
