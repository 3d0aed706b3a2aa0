"""Asks an OpenSIPS for its contacts, if it has a table, and for its connections."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from operate.audit.listing import Listing, Row
from operate.audit.registrar import BOOT, AskKernel, NotAudited, Rows, no_kernel
from operate.audit.sip_proxy import LocationTable, answer_to, host_of, own_ends, peers_of
from operate.audit.user import identity_of
from producers.opensips import snapshot as opensips_snapshot
from producers.opensips.context import Context
from producers.opensips.duplicate_rows import separated
from producers.opensips.listed_contact import ListedContact, is_gone
from producers.opensips.listing import read_contacts
from producers.opensips.mi import open_mi
from producers.opensips.mi_replies import read_connections, read_start
from producers.opensips.settings import OpenSipsSettings
from producers.opensips.storage import Usrloc
from producers.receive_times import Received
from producers.sip_proxy.errors import MiError
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.snapshot import begin
from schemas.codec import InvalidRecord


class OpenSips:
    """Asks an OpenSIPS for `ul_dump` and `list_tcp_conns` over MI."""

    def __init__(self, settings: OpenSipsSettings, ask_kernel: AskKernel = no_kernel) -> None:
        self._settings = settings
        self._ask_kernel = ask_kernel
        self._mi = mi = open_mi(settings)
        self._table = LocationTable(mi, "ul_dump", _opensips_process) if mi else None
        self.label = settings.node

    def ask(self) -> Listing:
        """The node's complete listing. Raises NotAudited."""
        settings = self._settings
        if self._mi is None or self._table is None:
            raise NotAudited("opensips.mi_url and mi_fifo are not set: the node cannot be asked")
        if settings.usrloc is Usrloc.DATABASE:
            raise NotAudited("usrloc keeps its contacts in a database: ul_dump lists none")
        began = Received(datetime.now(UTC), 0)
        try:
            table = self._table.ask()
            contacts = read_contacts(table) if table is not None else []
            listed = answer_to(self._mi, "list_tcp_conns")  # after the contacts
            peers = read_connections(listed)
        except MiError as error:
            raise NotAudited(f"{type(error).__name__}: {error}") from error
        if table is not None and not contacts and settings.usrloc is Usrloc.AUTO:
            raise NotAudited("ul_dump is empty; set opensips.usrloc = memory if it really is")
        context = settings.context(BOOT)
        rows = Rows()
        tables: dict[str, list[opensips_snapshot.Row]] = {}
        expired = [one for one in contacts if is_gone(one)]
        for one in contacts:
            if is_gone(one):
                continue
            with rows.reading(one.aor, one.contact):
                read = opensips_snapshot.read(one, context, began.at)
                tables.setdefault(one.domain, []).append(read)
        for name, found in tables.items():
            of = begin(context, began, name)
            for row in separated(found):
                gone = not opensips_snapshot.is_connected(row, peers)
                with rows.reading(row.aor, row.uri):
                    rows.readable.append(Row(opensips_snapshot.record(of, row, 0).event, gone))
        kernel = self._ask_kernel()
        return Listing(
            *(settings.node, began.at, rows.readable, rows.unreadable),
            connections=kernel.cookies if kernel else None,
            peers=peers_of(peers) if peers is not None else None,
            own=own_ends(listed, kernel.own if kernel else ()),
            host=host_of(settings.mi_url),
            has_table=table is not None,
            expired=frozenset(_expired(expired, context, began)),
        )


def _opensips_process(mi: Mi) -> str:
    return read_start(answer_to(mi, "uptime")) or ""


def _expired(
    listed: Iterable[ListedContact], context: Context, began: Received
) -> Iterable[tuple[str, str]]:
    """AOR and contact of the rows that usrloc still has, but treats as expired."""
    for one in listed:
        fields = {name: text for name, text in one.fields.items() if name != "Expires"}
        try:
            row = opensips_snapshot.read(replace(one, fields=fields), context, began.at)
        except InvalidRecord:
            continue  # presence cannot show it either
        yield row.aor, identity_of(row.fields["contact"])
