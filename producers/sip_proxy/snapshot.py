"""The records of a listing of a location table: its beginning, a row a contact, its end.

Pure. All records of a snapshot have the place (`seq`, `at`) of its beginning.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from producers.receive_times import Received
from producers.sip_proxy.context import ProxyContext
from producers.translated import Translated
from schemas.codec import build
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One listing of the table `registrar`, or with `aor` of one user in it.

    `origin` holds the fields of schemas.origin.Event, with the snapshot's id.
    """

    origin: dict[str, Any]
    registrar: str
    aor: str | None = None

    @property
    def began(self) -> datetime:
        """When the listing began."""
        at: datetime = self.origin["at"]
        return at


def begin(
    context: ProxyContext, began: Received, registrar: str, aor: str | None = None
) -> Snapshot:
    """A listing that began at `began`."""
    origin = context.origin(began, f"/{registrar}")
    return Snapshot({**origin, "snapshot": origin["id"]}, registrar, aor)


def mark(
    snapshot: Snapshot,
    kind: RegistrationKind,
    remaining: list[str] | None = None,
    table_at: datetime | None = None,
) -> Translated:
    """Its SNAPSHOT_BEGAN or SNAPSHOT_ENDED.

    `remaining`: the identities that the table held of the one user, at `table_at`.
    """
    fields = {"aor": snapshot.aor, "remaining": remaining, "table_at": table_at}
    return _record(snapshot, kind.value, kind, fields)


def row(snapshot: Snapshot, index: int, aor: str, fields: dict[str, Any]) -> Translated:
    """The record of one contact listed. Raises InvalidRecord."""
    return _record(snapshot, str(index), RegistrationKind.SNAPSHOT_ROW, {"aor": aor, **fields})


def _record(
    snapshot: Snapshot, name: str, kind: RegistrationKind, fields: dict[str, Any]
) -> Translated:
    event = build(
        RegistrationEvent,
        **{**snapshot.origin, "id": f"{snapshot.origin['id']}/{name}"},
        kind=kind,
        registrar=snapshot.registrar,
        **fields,
    )
    return Translated(REGISTRATIONS, event.aor or event.node, event)
