"""Asks a Kamailio for its contacts, if it has a table, and for its connections."""

from datetime import UTC, datetime

from operate.audit.listing import Listing, Row
from operate.audit.registrar import BOOT, AskKernel, NotAudited, Rows, no_kernel
from operate.audit.sip_proxy import LocationTable, answer_to, host_of, own_ends
from producers.kamailio import lister as kamailio_lister
from producers.kamailio import snapshot as kamailio_snapshot
from producers.kamailio.listing import ListedContact as KamailioContact
from producers.kamailio.listing import read_connections as kamailio_connections
from producers.kamailio.listing import read_contacts as kamailio_contacts
from producers.kamailio.settings import KamailioSettings
from producers.receive_times import Received
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.errors import MiError
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.snapshot import begin
from schemas.origin import Address
from schemas.vocabulary import Transport


class Kamailio:
    """Asks a Kamailio for `ul.dump` and `core.tcp_list` by JSON-RPC."""

    def __init__(self, settings: KamailioSettings, ask_kernel: AskKernel = no_kernel) -> None:
        self._settings = settings
        self._ask_kernel = ask_kernel
        url = settings.rpc_url
        self._rpc = rpc = kamailio_lister.open_rpc(url, settings) if url else None
        self._table = LocationTable(rpc, "ul.dump", _kamailio_process) if rpc else None
        self.label = settings.node

    def ask(self) -> Listing:
        """The node's complete listing. Raises NotAudited."""
        settings = self._settings
        if self._rpc is None or self._table is None:
            raise NotAudited("kamailio.rpc_url is not set: the node cannot be asked")
        began = Received(datetime.now(UTC), 0)
        try:
            table = self._table.ask()
            tables = kamailio_contacts(table) if table is not None else {}
            listed = answer_to(self._rpc, "core.tcp_list")  # after the contacts
            peers = kamailio_connections(listed) if listed is not None else None
        except MiError as error:
            raise NotAudited(f"{type(error).__name__}: {error}") from error
        rows = Rows()
        for name, contacts in tables.items():
            self._read(rows, name, contacts, peers, began)
        kernel = self._ask_kernel()
        return Listing(
            *(settings.node, began.at, rows.readable, rows.unreadable),
            connections=kernel.cookies if kernel else None,
            peers=frozenset((p.ip, p.port) for p in peers.values()) if peers is not None else None,
            own=own_ends(listed, kernel.own if kernel else ()),
            host=host_of(settings.rpc_url),
            has_table=table is not None,
        )

    def _read(
        self,
        rows: Rows,
        table: str,
        contacts: list[KamailioContact],
        peers: dict[int, Address] | None,
        began: Received,
    ) -> None:
        context = self._settings.context(BOOT)
        of = begin(context, began, table)

        def add_unreadable(one: UnreadableRow) -> None:
            rows.add_unreadable(one.row.aor, one.row.fields.get("Address"), one.error)

        for one in kamailio_snapshot.read(contacts, context, began.at, add_unreadable):
            with rows.reading(one.aor, one.contact.fields.get("Address")):
                found = kamailio_snapshot.record(of, one, 0, peers)
                listed = found or kamailio_snapshot.record(of, one, 0, None)
                assert listed is not None, "without connections every binding makes a row"
                event = listed.event
                if event.transport is Transport.UDP and "Received" not in one.contact.fields:
                    event.remote = None  # from the contact only; the events have the real address
                rows.readable.append(Row(event, disconnected=found is None))


def _kamailio_process(rpc: Mi) -> str:
    reply = answer_to(rpc, "core.uptime")
    return str(reply.get("up_since")) if isinstance(reply, dict) else ""
