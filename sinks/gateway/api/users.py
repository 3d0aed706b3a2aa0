"""`/v1/users` and `/v1/presence/query`: one user, a list page by page, and a set of users."""

import asyncio
import time
from itertools import islice
from typing import Annotated

from pydantic import Field

from schemas.codec import decode, encode
from schemas.presence import Presence
from schemas.vocabulary import Status
from sinks.gateway.access.redaction import Part
from sinks.gateway.api.call import JSON, Answer, Call, Operation, Parameters
from sinks.gateway.api.cursor import Cursor, cursor_after
from sinks.gateway.api.documents import Error, Found, Page
from sinks.gateway.api.parameters import Bool, CanonicalAor, Domain, Number
from sinks.gateway.api.scoped import ScopedUsers
from sinks.gateway.errors import BadQuery, TryElsewhere
from sinks.gateway.formats.dialog_info import MEDIA_TYPE as DIALOG_INFO
from sinks.gateway.formats.dialog_info import dialog_info
from sinks.gateway.formats.pidf import MEDIA_TYPE as PIDF
from sinks.gateway.formats.pidf import pidf
from sinks.gateway.formats.reginfo import MEDIA_TYPE as REGINFO
from sinks.gateway.formats.reginfo import reginfo
from sinks.gateway.lookup.directory import Filter
from sinks.gateway.lookup.matching import Wanted, address_in

LIMIT_MAX = 1000
AORS_MAX = 1000
# Of the reverse look-up: so many records are compared before others are served.
_SLICE = 200
# For so long a first reverse look-up waits for the index.
_HASHING_SECONDS = 1.0


class UserPath(Parameters):
    """A user in a path: percent-encode it."""

    aor: CanonicalAor = Field(description="SIP URI of the user, in any form; percent-encoded.")


class UsersQuery(Parameters):
    """Which users a list has: those who match each of the fields given."""

    domain: tuple[Domain, ...] = Field((), description="Users of one of these domains.")
    status: tuple[Status, ...] = Field((), description="With one of these.")
    node: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] = Field(
        (), description="With a binding on one of these nodes."
    )
    reachable: Bool | None = Field(None, description="Reachable, or not.")
    contact: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        None, description="With a binding of this contact (compared as RFC 3261 §19.1.4)."
    )
    address: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="With a client at this address: `IP` or `IP:PORT`."
    )
    limit: Number = Field(100, ge=1, le=LIMIT_MAX, description="Users a page, at most.")
    cursor: Cursor | None = Field(None, description="`next` of the page before.")


class QueryBody(Parameters):
    """Users to look up at once."""

    aors: list[CanonicalAor] = Field(min_length=1, max_length=AORS_MAX)


async def _user(call: Call) -> Answer:
    scope = call.identity.scope
    users = ScopedUsers(call.gateway, scope)
    message = users.message(call.path.aor)
    if call.media_type == JSON:
        return Answer(users.shown(message))
    presence = decode(Presence, message.value)
    if call.media_type == PIDF:
        return Answer(pidf(presence, scope.parts), PIDF)
    if call.media_type == DIALOG_INFO:
        return Answer(dialog_info(presence, scope.parts), DIALOG_INFO)
    users.require(Part.CONTACT, "accept")
    return Answer(reginfo(presence), REGINFO)


async def _list(call: Call) -> Answer:
    users = ScopedUsers(call.gateway, call.identity.scope)
    asked: UsersQuery = call.query
    wanted = Filter(
        frozenset(asked.status) if asked.status else None,
        asked.reachable,
        frozenset(asked.node) if asked.node else None,
    )
    if asked.contact is not None or asked.address is not None:
        found = await _looked_up(call, users, wanted)
    else:
        listed = users.listed(frozenset(asked.domain), wanted, asked.cursor)
        found = [(one.aor, users.shown(one)) for one in islice(listed, asked.limit + 1)]
    return Answer(_page(found, asked.limit))


async def _looked_up(call: Call, users: ScopedUsers, facts: Filter) -> list[tuple[str, bytes]]:
    """The page of a reverse look-up, and one user more if there is one.

    Raises Forbidden, BadQuery, TryElsewhere while the index is made.
    """
    asked: UsersQuery = call.query
    if asked.contact is not None:
        users.require(Part.CONTACT, "contact")
    try:
        address = address_in(asked.address) if asked.address is not None else None
    except ValueError as error:
        raise BadQuery(str(error), "address") from error
    if address is not None:
        users.require(Part.ADDRESS, "address")
    await _hashed(call)
    wanted = Wanted(asked.contact, address)
    found: list[tuple[str, bytes]] = []
    after, is_more = asked.cursor, True
    while is_more and len(found) <= asked.limit:
        candidates = list(islice(users.at_key(wanted.key, frozenset(asked.domain), after), _SLICE))
        found += [
            (one.aor, users.shown(one))
            for one in candidates
            if facts.has_facts(one.facts) and wanted.has(decode(Presence, one.value))
        ]
        is_more = len(candidates) == _SLICE
        after = candidates[-1].aor if candidates else after
        await asyncio.sleep(0)
    return found[: asked.limit + 1]


async def _hashed(call: Call) -> None:
    """Return when the reverse look-up is complete: the first ones make it."""
    deadline = time.monotonic() + _HASHING_SECONDS
    while call.gateway.index.hash_some():
        if time.monotonic() >= deadline:
            raise TryElsewhere("the index of contacts and addresses is made", reason="indexing")
        await asyncio.sleep(0)


def _page(found: list[tuple[str, bytes]], limit: int) -> bytes:
    """The records as they are, joined."""
    cursor = cursor_after(found[limit - 1][0]) if len(found) > limit else None
    records = b",".join(value for _, value in found[:limit])
    return b'{"users":[%b],"next":%b}' % (records, encode(cursor))


async def _query(call: Call) -> Answer:
    users = ScopedUsers(call.gateway, call.identity.scope)
    body: QueryBody = call.body
    aors = dict.fromkeys(body.aors)
    messages = {aor: users.find(aor) for aor in aors}
    records = b",".join(users.shown(one) for one in messages.values() if one is not None)
    unknown = [aor for aor, message in messages.items() if message is None]
    return Answer(b'{"users":[%b],"unknown":%b}' % (records, encode(unknown)))


USER = Operation(
    method="GET",
    path="/v1/users/{aor}",
    name="getUser",
    summary="One user's presence.",
    handler=_user,
    path_parameters=UserPath,
    description="As JSON the record itself; as PIDF with RPID, dialog-info or reginfo for programs "
    "that read these.",
    answers={JSON: Presence, PIDF: str, DIALOG_INFO: str, REGINFO: str},
    errors={404: {JSON: Error}},
)
USERS = Operation(
    method="GET",
    path="/v1/users",
    name="listUsers",
    summary="Users, a page at a time; by contact or address: the reverse look-up.",
    description="In order of domain and AOR; a reverse look-up has an order of its own. A user who "
    "is there all the time is on exactly one page, whatever changes in between.",
    handler=_list,
    query=UsersQuery,
    answers={JSON: Page},
)
QUERY = Operation(
    method="POST",
    path="/v1/presence/query",
    name="queryPresence",
    summary=f"The presence of up to {AORS_MAX} users.",
    handler=_query,
    body=QueryBody,
    answers={JSON: Found},
)
OPERATIONS = (USER, USERS, QUERY)
