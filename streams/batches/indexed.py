"""The fields of a session that the index needs: decoding these alone, a million sessions are
indexed in seconds after recovery."""

from datetime import datetime

from msgspec import Struct


class IndexedEdge(Struct, gc=False):
    """The indexed part of schemas.session.EdgeConnection."""

    node: str


class IndexedBinding(Struct, gc=False):
    """The indexed part of schemas.session.Binding."""

    node: str
    seq: int = 0
    expires_at: datetime | None = None
    path: str | None = None
    edge_connection: IndexedEdge | None = None


class IndexedLeg(Struct, gc=False):
    """The indexed part of schemas.session.Leg."""

    node: str


class Indexed(Struct, gc=False):
    """The indexed part of schemas.session.Session."""

    version: int = 0
    batch: int = 0
    grace_until: datetime | None = None
    bindings: dict[str, IndexedBinding] = {}
    calls: dict[str, IndexedLeg] = {}
