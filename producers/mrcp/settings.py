"""Settings of the MRCP producer: which server's log, and in which time zone it is written."""

from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from producers.setting_types import CloseTimeout, NodeName
from runtime.settings import StageSettings


class MrcpSettings(StageSettings):
    """`[mrcp]`: one producer process stands beside one MRCP server."""

    section: ClassVar[str] = "mrcp"

    node: NodeName = Field(
        description="Name of this MRCP server in every record: its own, never a SIP server's."
    )
    log: Path = Field(
        description="UniMRCP's log file: the link `unimrcpserver_current.log` (`-o 2`), or a file."
    )
    timezone: str | None = Field(
        None, description="Of the log's times, as `Europe/Berlin`; null: this host's."
    )
    port: int | None = Field(
        1544,
        ge=1,
        le=65535,
        description="The server's MRCPv2 port: when nobody listens there, its sessions have ended. "
        "In this network namespace; null: only the log shows the end.",
    )
    text: bool = Field(False, description="Publish what was recognised, too: personal data.")
    poll_seconds: float = Field(0.1, gt=0, le=5, description="Between two looks at the log's end.")
    heartbeat_seconds: float = Field(1, gt=0, description="Between two heartbeats of the server.")
    close_timeout_seconds: CloseTimeout = 10

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"no time zone: {value}")
        return value

    def zone(self) -> ZoneInfo | None:
        """The log's time zone; None: this host's."""
        return ZoneInfo(self.timezone) if self.timezone else None
