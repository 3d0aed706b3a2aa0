"""Asks an OpenSIPS or a Kamailio for its contacts, if it has a table, and for its connections.

A pure proxy has no location table. Each process of the server is asked for one only once, because
an unknown command is an error in the server's log.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from operate.audit.listing import Listing, Peer, Row
from operate.audit.registrars import BOOT, AskKernel, NotAudited, Rows, no_kernel
from operate.audit.user import identity_of
from producers.kamailio import lister as kamailio_lister
from producers.kamailio import snapshot as kamailio_snapshot
from producers.kamailio.listing import ListedContact as KamailioContact
from producers.kamailio.listing import read_connections as kamailio_connections
from producers.kamailio.listing import read_contacts as kamailio_contacts
from producers.kamailio.settings import KamailioSettings
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
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.errors import MiError, MiRefused
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.snapshot import begin
from producers.uri_addresses import canonical_ip
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.vocabulary import Transport

# What the management interfaces answer to an unknown command (mi/mi.h, jsonrpcs_mod.c; 2.4).
_NO_SUCH_COMMAND = ("method not found", "unknown command", "unknown mi command")


class LocationTable:
    """Asks for all contacts, unless this process of the server is known to have no table."""

    def __init__(self, mi: Mi, command: str, process: Callable[[Mi], str]) -> None:
        """`process` identifies a process of the server, by its start time."""
        self._mi = mi
        self._command = command
        self._process = process
        self._without: str | None = None  # the process without a table

    def ask(self) -> Any | None:
        """The reply, None where the server has no location table. Raises MiError."""
        if self._without is not None and self._without == self._process(self._mi):
            return None
        self._without = None
        try:
            return self._mi.call(self._command)
        except MiRefused as error:
            if not any(text in str(error).lower() for text in _NO_SUCH_COMMAND):
                raise
            self._without = self._process(self._mi)
            return None


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
            listed = _asked(self._mi, "list_tcp_conns")  # after the contacts
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
            peers=_peers(peers) if peers is not None else None,
            own=_own(listed, kernel.own if kernel else ()),
            host=_host(settings.mi_url),
            has_table=table is not None,
            expired=frozenset(_expired(expired, context, began)),
        )


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
            listed = _asked(self._rpc, "core.tcp_list")  # after the contacts
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
            own=_own(listed, kernel.own if kernel else ()),
            host=_host(settings.rpc_url),
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


def _opensips_process(mi: Mi) -> str:
    return read_start(_asked(mi, "uptime")) or ""


def _kamailio_process(rpc: Mi) -> str:
    reply = _asked(rpc, "core.uptime")
    return str(reply.get("up_since")) if isinstance(reply, dict) else ""


def _asked(mi: Mi, command: str) -> Any | None:
    """The answer; None where the server does not have the command, or no TCP to list."""
    try:
        return mi.call(command)
    except MiRefused:
        return None


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


def _peers(texts: Iterable[str]) -> frozenset[Peer]:
    """The addresses in texts like `127.0.0.1:46002`, `[::1]:46002` and `::1:46002`."""
    return frozenset(peer for text in texts if (peer := _peer(text)) is not None)


def _peer(text: Any) -> Peer | None:
    host, _, port = str(text).rpartition(":")
    ip = canonical_ip(host)
    return (ip, int(port)) if ip is not None and port.isdecimal() else None


def _own(listed: Any, kernel: Iterable[Peer]) -> frozenset[Peer]:
    """The server's ends of its connections, by OpenSIPS' or Kamailio's list, and by the kernel."""
    rows = listed.get("Connections") if isinstance(listed, dict) else listed
    found = {*kernel}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            text = row.get("Local") or f"{row.get('dst_ip')}:{row.get('dst_port')}"
            if (peer := _peer(text)) is not None:
                found.add(peer)
    return frozenset(found)


def _host(url: str | None) -> str | None:
    name = urlsplit(url).hostname if url else None
    return (canonical_ip(name) or name) if name else None
