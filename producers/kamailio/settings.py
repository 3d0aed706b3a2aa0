"""Settings of the Kamailio producer: where evapi and JSON-RPC listen, what usrloc is set to."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from producers.kamailio.context import Context
from producers.setting_types import CloseTimeout, KernelMode, NodeName
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.users import Users
from runtime.settings import StageSettings

HostPort = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+):[0-9]{1,5}$")
]
Port = Annotated[int, Field(ge=1, le=65535)]


class KamailioSettings(StageSettings):
    """`[kamailio]`: one producer process runs beside one server."""

    section: ClassVar[str] = "kamailio"

    node: NodeName = Field(description="Name of the node in every record.")
    evapi: HostPort = Field("127.0.0.1:8448", description="The server's evapi bind_addr.")
    domain: str | None = Field(
        None, max_length=255, description="Domain of AORs without one (usrloc's use_domain=0)."
    )
    call_domains: list[str] = Field(
        [],
        description="Hosts whose callers and callees are users; registrations' are learned.",
    )
    case_sensitive: bool = Field(
        False, description="As the registrar's case_sensitive: whether Alice and alice are two."
    )
    matching: Matching = Field(
        Matching.CONTACT,
        description="As usrloc's matching_mode (0 contact, 1 contact-callid, 2 contact-path, 3 "
        "callid), which identifies a contact without instance.",
    )
    only_one_contact: bool = Field(
        False,
        description="A user's new contact replaces all others (save()'s flag 0x04). Needed only "
        "where neither the script passes `contacts` nor rpc_url is set.",
    )
    table: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        "location", description="The location table of events that do not name theirs."
    )
    rpc_url: str | None = Field(
        None,
        description="URL of jsonrpcs over xhttp: http://127.0.0.1:5060/RPC; null: no snapshots.",
    )
    rpc_timeout_seconds: float = Field(10, gt=0, description="Longest wait for an answer.")
    kernel: KernelMode = Field(
        "auto",
        description="Ask the kernel for the cookie of each registration's connection. auto: where "
        "the server's evapi and one of sip_ports are in this network namespace.",
    )
    sip_ports: list[Port] = Field(
        [], description="TCP ports the server listens on, for the kernel to be asked about."
    )
    path_hosts: list[str] = Field(
        [],
        description="Hosts, or host:port, that name this server in Paths, beside the addresses "
        "that clients connect to: the advertised addresses of a proxy without usrloc.",
    )
    snapshot_interval_seconds: float = Field(300, gt=0)
    heartbeat_seconds: float = Field(1, gt=0)
    lease_silence_seconds: float = Field(
        5, gt=0, description="Without an answer for this long heartbeats stop, if one ever came."
    )
    connect_timeout_seconds: float = Field(3, gt=0)
    reconnect_seconds: float = Field(0.5, gt=0, description="Pause between attempts to connect.")
    queue_max_messages: int = Field(
        100_000,
        ge=1,
        description="Read but not yet published; beyond it events are dropped, and counted.",
    )
    queue_max_bytes: int = Field(64 * 2**20, ge=2**20)
    message_max_bytes: int = Field(64 * 1024, ge=4096)
    close_timeout_seconds: CloseTimeout = 10

    def users(self) -> Users:
        """The reader of the server's user names."""
        return Users(
            self.domain, self.call_domains, self.section, case_sensitive=self.case_sensitive
        )

    def context(self, boot: str) -> Context:
        """The context of translations at the beginning of a run."""
        return Context(
            self.node,
            boot,
            self.users(),
            path_hosts=tuple(self.path_hosts),
            table=self.table,
            matching=self.matching,
            only_one_contact=self.only_one_contact,
        )
