"""The last batch that was written into the session table before a crash: it may be unpublished."""

from collections.abc import Iterable, Mapping

from streams import models
from streams.batches.indexed import Indexed
from streams.models import Session


def last_batch(
    sessions: Mapping[bytes, bytes], recent: Iterable[bytes], *, whole: bool, published: int
) -> tuple[int, list[Session]]:
    """The number of the last batch in a recovered table, and the users that it wrote.

    `recent` are the keys that recovery read, the last first; `whole` if these are all keys written
    after the batch `published`.
    """
    number, last = published, dict[bytes, None]()
    read = models.decoder(Indexed).decode
    for key in recent:
        value = sessions.get(key)
        if value is None:
            continue  # deleted after it was written
        batch = read(value).batch
        if not last:
            number = max(number, batch)
        if batch <= published or batch < number:
            whole = True  # everything before it in the changelog is older
            break
        last[key] = None
    if not whole:
        for key, value in sessions.items():
            batch = read(value).batch
            if batch > number:
                number, last = batch, {}
            if batch == number:
                last[key] = None
    found = (models.decode(Session, sessions[key]) for key in last)
    return number, [session for session in found if session.version]
