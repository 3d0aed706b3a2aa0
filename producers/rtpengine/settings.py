"""Settings of the rtpengine producer: where NG listens, how often to poll, where DTMF arrives."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from producers.private_input import DigitsUse
from producers.senders import LOCAL
from producers.setting_types import CloseTimeout, NodeName
from runtime.settings import StageSettings

HostPort = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$")]


class RtpengineSettings(StageSettings):
    """`[rtpengine]`: one producer process stands beside one rtpengine."""

    section: ClassVar[str] = "rtpengine"

    node: NodeName = Field(
        description="Name of this rtpengine in every record: its own, never a SIP server's."
    )
    ng: HostPort = Field("127.0.0.1:2223", description="rtpengine's listen-ng (UDP).")
    ng_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Instead of `ng`, for more than some hundred calls: listen-http's "
        "http://127.0.0.1:2225/ng",
    )
    ng_timeout_seconds: float = Field(1, gt=0, description="For the answer to one question.")
    calls_max: int = Field(
        20_000, ge=1, description="Watched at most; over UDP 500 (an answer is one datagram)."
    )
    poll_seconds: float = Field(
        1, gt=0, description="Between two listings of the calls, which are the heartbeat too."
    )
    quality_seconds: float = Field(5, gt=0, description="Between two measurements of one call.")
    lost_after_seconds: float = Field(
        5, gt=0, description="Without any answer, after which rtpengine counts as down."
    )
    listen_dtmf: HostPort | None = Field(
        None, description="For rtpengine's dtmf-log-dest (UDP); null: no DTMF."
    )
    dtmf_in_clear_for: DigitsUse = None
    allowed_senders: list[str] = Field(
        [LOCAL],
        description="Addresses and networks from which DTMF is taken; local: this host's own.",
    )
    close_timeout_seconds: CloseTimeout = 10
