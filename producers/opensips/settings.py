"""Settings of the OpenSIPS producer: where events come in, whom to ask for listings."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from producers.opensips.users import Users
from runtime.settings import StageSettings

NodeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,64}$")]
HostPort = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$")]
# Neither the environment nor TOML has a word for None.
Listen = Annotated[
    HostPort | None, BeforeValidator(lambda value: None if value == "off" else value)
]
Port = Annotated[int, Field(ge=1, le=65535)]


class OpenSipsSettings(StageSettings):
    """`[opensips]`: one producer process stands beside one server."""

    section: ClassVar[str] = "opensips"

    node: NodeName = Field(description="Name of the node in every record.")
    listen_datagram: Listen = Field(
        "127.0.0.1:8766", description="For event_datagram; off: not listened."
    )
    listen_stream: Listen = Field(
        "127.0.0.1:8767", description="For event_stream and event_jsonrpc; off: not listened."
    )
    sip_ports: list[Port] = Field(
        [],
        description="TCP ports the server listens on; those of registered contacts' sockets are "
        "learned.",
    )
    kernel: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Ask this host's kernel for the connection of each registration; auto: where "
        "it knows one of them.",
    )
    domain: str | None = Field(
        None, max_length=255, description="Of AORs without one (usrloc's use_domain=0)."
    )
    call_domains: list[str] = Field(
        [],
        description="Hosts whose callers and callees are users; registrations' are learned.",
    )
    case_sensitive: bool = Field(
        True, description="As the registrar's case_sensitive: whether Alice and alice are two."
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
        None, description="Of mi_http (3.x) or mi_json (2.4): http://127.0.0.1:8888/mi"
    )
    mi_fifo: str | None = Field(None, description="Of mi_fifo, where there is no HTTP.")
    mi_reply_folder: str = Field("/tmp", description="mi_fifo's reply_dir.")
    mi_dialect: Literal["3.x", "2.4"] = Field("3.x", description="Which MI the server speaks.")
    mi_timeout_seconds: float = Field(10, gt=0, description="For the answer to one command.")
    snapshot_interval_seconds: float = Field(300, gt=0)
    heartbeat_seconds: float = Field(1, gt=0)
    lease_silence_seconds: float = Field(
        5,
        gt=0,
        description="With MI: neither answer nor event for this long, and the heartbeat stops.",
    )
    queue_max_messages: int = Field(
        100_000, ge=1, description="Read but not yet published; what comes beyond is lost and told."
    )
    queue_max_bytes: int = Field(64 * 2**20, ge=2**20)
    message_max_bytes: int = Field(256 * 1024, ge=4096)
    receive_buffer_bytes: int = Field(
        8 * 2**20, ge=4096, description="Asked of the kernel, which caps it (net.core.rmem_max)."
    )
    close_timeout_seconds: float = Field(
        10, gt=0, description="At SIGTERM: for Kafka, before the rest stays in the spool."
    )

    def users(self) -> Users:
        """Whose names the server's names are."""
        return Users(
            self.domain, self.call_domains, self.section, case_sensitive=self.case_sensitive
        )
