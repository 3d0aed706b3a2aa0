"""Lists the contacts of all users, or of one, by JSON-RPC, and publishes them as snapshots."""

from typing import Any

from producers.kamailio import snapshot
from producers.kamailio.intake import Intake
from producers.kamailio.listing import ListedContact, read_connections, read_contacts, read_user
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.snapshot import Snapshot, begin, mark
from producers.sip_proxy.user_listings import UserListing
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.vocabulary import RegistrationKind

# ul_rpc.c, ul_rpc_lookup(): the answers for a user without contacts.
_NO_CONTACTS = ("AOR not found", "AOR has no contacts")

Connections = dict[int, Address]  # the peer of each live connection, by Kamailio's id


class ContactLister:
    """Used in the lister's threads; the intake's lock is never held during a command."""

    def __init__(self, rpc: Mi, intake: Intake) -> None:
        self._rpc = rpc
        self._intake = intake
        self._has_lookup = True  # whether the server knows, and allows, ul.lookup

    def list_all(self) -> None:
        """Publish a snapshot of every location table. Raises MiError."""
        self._has_lookup = True  # the server may be another process since the last listing
        context = self._intake.context
        began, boot = self._intake.ticks.now(), context.boot
        tables = read_contacts(self._rpc.call("ul.dump"))
        connections = self._connections()  # after the contacts: one just made is in both
        with self._intake.lock:
            if boot != context.boot:
                return  # another process reports by now, which is listed for itself
            for table, listed in tables.items():
                taken = begin(context, began, table)
                bindings = snapshot.read(listed, context, began.at, self._intake.refuse_row)
                for aor, known in snapshot.known(bindings).items():
                    context.known.replace(table, aor, known)
                self._intake.publish_everywhere(mark(taken, RegistrationKind.SNAPSHOT_BEGAN))
                self._publish(taken, bindings, connections)
                self._intake.publish_everywhere(mark(taken, RegistrationKind.SNAPSHOT_ENDED))

    def list_user(self, user: UserListing) -> None:
        """Publish a snapshot of one user's bindings. It is exact: usrloc reads them under its lock
        (ul_rpc.c). Raises MiError."""
        context = self._intake.context
        began, boot = self._intake.ticks.now(), context.boot
        listed = self._look_up(user)
        connections = self._connections() if listed else None
        with self._intake.lock:
            if boot != context.boot:
                return
            bindings = [
                one
                for one in snapshot.read(listed, context, began.at, self._intake.refuse_row)
                if one.aor == user.aor
            ]
            known = snapshot.known(bindings).get(user.aor, {})
            context.known.replace(user.table, user.aor, known)
            taken = begin(context, began, user.table, user.aor)
            self._intake.publish([mark(taken, RegistrationKind.SNAPSHOT_BEGAN)])
            self._publish(taken, bindings, connections)
            self._intake.publish([mark(taken, RegistrationKind.SNAPSHOT_ENDED, list(known))])

    def _look_up(self, user: UserListing) -> list[ListedContact]:
        """The user's rows; by ul.dump where the server does not know, or allow, ul.lookup."""
        if self._has_lookup and not self._intake.context.users.hides(user.name):
            try:
                reply = self._rpc.call("ul.lookup", {"table": user.table, "aor": user.name})
                return read_user(reply, user.table)
            except MiRefused as error:
                if any(text in str(error) for text in _NO_CONTACTS):
                    return []
                self._has_lookup = False
        return read_contacts(self._rpc.call("ul.dump")).get(user.table, [])

    def _connections(self) -> Connections | None:
        """None where the server has no TCP, or does not allow the command."""
        try:
            reply: Any = self._rpc.call("core.tcp_list")
        except MiRefused:
            return None
        return read_connections(reply)

    def _publish(
        self, taken: Snapshot, bindings: list[snapshot.Listed], connections: Connections | None
    ) -> None:
        intake = self._intake
        for index, one in enumerate(bindings):
            try:
                record = snapshot.record(taken, one, index, connections)
            except InvalidRecord as error:
                intake.refuse_row(UnreadableRow(one.contact, error))
                continue
            if record is not None:
                intake.publish(intake.kernel.add_cookies([record]))
