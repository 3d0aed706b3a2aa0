"""Settings of the OpenSIPS producer: where events arrive, where MI listens, usrloc's settings."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, field_validator

from producers.opensips.context import Context
from producers.opensips.matching import ContactMatching
from producers.opensips.storage import Storage, Usrloc
from producers.senders import LOCAL
from producers.setting_types import CloseTimeout, KernelMode, NodeName
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.users import Users
from runtime.settings import StageSettings

_is_secret = re.compile(r"[A-Za-z0-9_.~+=-]{8,128}").fullmatch
HostPort = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$")]
# Neither the environment nor TOML can express None.
Listen = Annotated[
    HostPort | None, BeforeValidator(lambda value: None if value == "off" else value)
]
Port = Annotated[int, Field(ge=1, le=65535)]


class OpenSipsSettings(StageSettings):
    """`[opensips]`: one producer process runs beside one server."""

    section: ClassVar[str] = "opensips"

    node: NodeName = Field(description="Name of the node in every record.")
    listen_datagram: Listen = Field(
        "127.0.0.1:8766", description="For event_datagram; off: not bound."
    )
    listen_stream: Listen = Field(
        "127.0.0.1:8767", description="For event_stream and event_jsonrpc; off: not bound."
    )
    allowed_senders: list[str] = Field(
        [LOCAL],
        description="Addresses and networks from which events are taken; local: this host's own.",
    )
    connections_max: int = Field(
        256, ge=1, description="Streams open at once; beyond it new ones are refused."
    )
    connection_idle_seconds: float = Field(
        60, gt=0, description="A connection that has not sent an event by then is closed."
    )
    secret: SecretStr | None = Field(
        None,
        description="Required in E_EDGE_REGISTER and E_ROLLCALL_CALL as parameter `secret`: 8-128 "
        "letters, digits and _.~+=-.",
    )
    sip_ports: list[Port] = Field(
        [],
        description="TCP ports the server listens on; those of registered contacts' sockets are "
        "learned.",
    )
    kernel: KernelMode = Field(
        "auto",
        description="Ask this host's kernel for the connection of each registration; auto: where "
        "it knows one of them.",
    )
    domain: str | None = Field(
        None, max_length=255, description="Domain of AORs without one (usrloc's use_domain=0)."
    )
    call_domains: list[str] = Field(
        [],
        description="Hosts whose callers and callees are users; registrations' are learned.",
    )
    case_sensitive: bool = Field(
        True, description="As the registrar's case_sensitive: whether Alice and alice are two."
    )
    usrloc: Usrloc = Field(
        Usrloc.AUTO,
        description="Where usrloc keeps its contacts: memory, or database (sql-only and "
        "full-sharing-cachedb, 2.4's db_mode 3); auto: found out from the server.",
    )
    path_hosts: list[str] = Field(
        [],
        description="Hosts, or host:port, that name this server in Paths, beside the addresses "
        "that clients connect to: the advertised addresses of a proxy without usrloc.",
    )
    matching: Literal["contact", "contact-callid"] = Field(
        "contact", description="usrloc's matching_mode (0: contact, 1: contact-callid)."
    )
    match_params: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.!~*'+\-]{1,64}$")]] = Field(
        [],
        description="URI parameters by which save() recognises a contact that has them all: "
        "pn_ct_match_params, or matching-mode's.",
    )
    max_contacts: int | None = Field(
        None,
        ge=1,
        description="As the registrar's or save()'s max_contacts: a user with more is listed.",
    )
    shtag: str | None = Field(
        None,
        description="Sharing tag of the contacts this node answers for; others' are replicas.",
    )
    caller_extra: str = Field("caller", description="Accounting extra with the caller's URI.")
    callee_extra: str = Field("callee", description="Accounting extra with the callee's URI.")
    pings_lost_max: int = Field(
        2, ge=1, description="Unanswered OPTIONS in a row after which a contact is unreachable."
    )
    mi_url: str | None = Field(
        None, description="URL of mi_http (3.x) or mi_json (2.4): http://127.0.0.1:8888/mi"
    )
    mi_fifo: str | None = Field(None, description="Path of mi_fifo's FIFO, where there is no HTTP.")
    mi_reply_folder: str = Field("/tmp", description="mi_fifo's reply_dir.")
    mi_dialect: Literal["3.x", "2.4"] = Field("3.x", description="Which MI the server speaks.")
    mi_timeout_seconds: float = Field(10, gt=0, description="Longest wait for an answer.")
    snapshot_interval_seconds: float = Field(300, gt=0)
    heartbeat_seconds: float = Field(1, gt=0)
    lease_silence_seconds: float = Field(
        5,
        gt=0,
        description="With MI: without answer and event for this long heartbeats stop.",
    )
    queue_max_messages: int = Field(
        100_000, ge=1, description="Read but not yet published; beyond it events are dropped."
    )
    queue_max_bytes: int = Field(64 * 2**20, ge=2**20)
    message_max_bytes: int = Field(256 * 1024, ge=4096)
    receive_buffer_bytes: int = Field(
        8 * 2**20,
        ge=4096,
        description="Requested of the kernel, which limits it (net.core.rmem_max).",
    )
    close_timeout_seconds: CloseTimeout = 10

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: SecretStr | None) -> SecretStr | None:
        # Escaping of JSON or of 2.4's lines changes none of these: so dead letters can hide it.
        if secret is not None and not _is_secret(secret.get_secret_value()):
            raise ValueError("8-128 letters, digits and _.~+=-")
        return secret

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
            shtag=self.shtag,
            pings_lost_max=self.pings_lost_max,
            caller_extra=self.caller_extra,
            callee_extra=self.callee_extra,
            matching=ContactMatching(Matching(self.matching), tuple(self.match_params)),
            max_contacts=self.max_contacts,
            storage=Storage(self.usrloc),
            path_hosts=tuple(self.path_hosts),
            ports=set(self.sip_ports),
        )
