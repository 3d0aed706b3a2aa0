"""Connection owners: the announcement that a binding is on a connection.

Pure. The announcement is published under the connection's key, where streams/folds/connection.py
joins it with the connection's end.
"""

from datetime import timedelta

from schemas.connection import connection_id
from schemas.vocabulary import Transport
from streams.folds.outcome import FoldResult
from streams.models import (
    Address,
    Binding,
    ConnectionOwner,
    EdgeConnection,
    Event,
    RegistrationEvent,
    Session,
)

# How often the owner of a lasting connection is announced again, so that owners that are not
# renewed may be forgotten.
OWNER_RENEWAL = timedelta(hours=6)


def announcement(
    session: Session, key: str, old: Binding | None, new: Binding, event: Event
) -> ConnectionOwner | None:
    """The owner to announce if the binding is on a connection that was not announced lately."""
    if new.remote is None or new.transport is Transport.UDP or new.path is not None:
        return None
    if (
        old is not None
        and old.remote == new.remote
        and old.cookie == new.cookie
        and old.transport_claimed == new.transport_claimed
        and old.owned_at is not None
        and new.confirmed_at - old.owned_at < OWNER_RENEWAL
    ):
        return None
    new.owned_at = new.confirmed_at
    return owner_of(session, key, new, new.remote, event)


def confirmed_already(
    session: Session, key: str, known: Binding, event: RegistrationEvent, result: FoldResult
) -> FoldResult:
    """`result` for an event that changes nothing; with its owner if it is what confirmed `known`.

    It may be read again after a crash that came before the owner was durable.
    """
    if known.event == event.id and known.owned_at == event.at and known.remote is not None:
        result.owner = owner_of(session, key, known, known.remote, event)
    return result


def owner_of(
    session: Session, key: str, binding: Binding, remote: Address, place: Event
) -> ConnectionOwner:
    """The binding under `key` as the owner of its connection from `remote`, since `place` in its
    node's history."""
    return ConnectionOwner(
        id=place.id,
        source=place.source,
        node=place.node,
        boot=place.boot,
        seq=place.seq,
        at=place.at,
        connection=connection_id(place.node, remote),
        aor=session.aor,
        binding=key,
        cookie=binding.cookie,
        transport_claimed=binding.transport_claimed,
        remote=remote,
    )


def owner_at_edge(
    session: Session, key: str, behind: Binding, connection: EdgeConnection
) -> ConnectionOwner:
    """The registrar's binding under `key` as the owner of its client's listed connection at an
    edge."""
    remote = behind.received
    assert remote is not None
    place = Event(
        id=f"{behind.event}/at-{connection.node}",
        source=behind.source,
        node=connection.node,
        boot=connection.boot,
        seq=connection.seq,
        at=connection.at,
    )
    owner = owner_of(session, key, behind, remote, place)
    owner.cookie, owner.registered_at = connection.cookie, behind.registered_at
    return owner
