"""Settings of the FreeSWITCH producer: which switch, how often to list, which timeouts."""

from datetime import timedelta
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from producers.freeswitch.context import Context
from producers.freeswitch.matching import Mode
from producers.freeswitch.speech_sessions import SpeechSessions
from producers.private_input import DigitsUse
from producers.setting_types import CloseTimeout, KernelMode, NodeName
from runtime.settings import StageSettings

ProfileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]

# Of event_socket.conf.xml as FreeSWITCH comes: whoever reaches the port may then run any command.
DEFAULT_PASSWORD = "ClueCon"


class FreeSwitchSettings(StageSettings):
    """`[freeswitch]`: one producer process reads one switch."""

    section: ClassVar[str] = "freeswitch"

    host: str = "127.0.0.1"
    port: int = Field(8021, ge=1, le=65535)
    password: SecretStr = SecretStr(DEFAULT_PASSWORD)
    node: NodeName | None = Field(
        None, description="Name of the node in every record; default: its FreeSWITCH-Switchname."
    )
    profiles: list[ProfileName] | None = Field(
        None, description="Sofia profiles to list in snapshots; default: all that run."
    )
    multiple_registrations: Mode | dict[ProfileName, Mode] = Field(
        "ask",
        description="The profiles' multiple-registrations (`true` is contact), one for all or one "
        "each; ask: a user's second registration is a question to the switch's table.",
    )
    trusted_profiles: list[ProfileName] = Field(
        [],
        description="Sofia profiles on which a call's From names the user without authentication: "
        "only where nobody else can send calls to them.",
    )
    dtmf: bool = Field(False, description="Publish that a digit was keyed, with its duration.")
    dtmf_in_clear_for: DigitsUse = None
    speech: bool = Field(
        True, description="Observe speech recognisers and synthesisers: two events an application."
    )
    speech_text: bool = Field(False, description="Publish what was recognised, too: personal data.")
    kernel: KernelMode = Field(
        "auto",
        description="Ask this host's kernel for the connection of each registration; auto: where "
        "the switch runs in this network namespace.",
    )
    sip_ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(
        [], description="The profiles' ports, for those questions; default: any local port."
    )
    snapshot_interval_seconds: float = Field(300, gt=0)
    heartbeat_seconds: float = Field(1, gt=0)
    expiry_margin_seconds: float = Field(
        60, ge=0, description="What the switch adds to Expires (sip-expires-late-margin)."
    )
    queue_max_events: int = Field(
        10_000, ge=1, description="Read but not yet published; beyond it the socket is not read."
    )
    frame_max_bytes: int = Field(4 * 2**20, ge=2**16)
    connect_timeout_seconds: float = Field(5, gt=0)
    command_timeout_seconds: float = Field(
        30, gt=0, description="For the answer to a command; a listing of many users takes seconds."
    )
    probe_after_seconds: float = Field(
        2, gt=0, description="Silence after which the switch is asked something small."
    )
    lease_silence_seconds: float = Field(
        5, gt=0, description="Silence after which no heartbeat is published for the node."
    )
    half_open_seconds: float = Field(
        40, gt=0, description="Silence (two HEARTBEATs of the switch) that ends the connection."
    )
    retry_refused_seconds: float = Field(
        0.25, gt=0, description="Between two attempts to connect while nobody listens there."
    )
    retry_max_seconds: float = Field(
        10,
        gt=0,
        description="Longest wait between two attempts to connect after any other failure.",
    )
    close_timeout_seconds: CloseTimeout = 10

    def context(self) -> Context:
        """The state with which translations of this switch's events begin."""
        return Context(
            self.node,
            timedelta(seconds=self.expiry_margin_seconds),
            modes=self.multiple_registrations,
            trusted_profiles=frozenset(self.trusted_profiles),
            speech=SpeechSessions() if self.speech else None,
            speech_text=self.speech_text,
            digits_in_clear=self.dtmf_in_clear_for is not None,
        )

    @model_validator(mode="after")
    def _digits_are_read(self) -> Self:
        if self.dtmf_in_clear_for is not None and not self.dtmf:
            raise ValueError("dtmf_in_clear_for needs dtmf = true")
        return self

    @field_validator("password")
    @classmethod
    def _one_line(cls, password: SecretStr) -> SecretStr:
        if "\n" in password.get_secret_value() or "\r" in password.get_secret_value():
            raise ValueError("must be one line")
        return password
