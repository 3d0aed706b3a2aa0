"""The section [dialling]: which switches call, where to, and when digits go out."""

import re
from typing import Annotated, ClassVar

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr, field_validator

from dialling.plan import Plan, Timing
from producers.freeswitch.settings import DEFAULT_PASSWORD
from producers.setting_types import NodeName
from runtime.settings import StageSettings
from schemas.dialling import GATEWAY, DialCommand, Milliseconds, Seconds
from schemas.vocabulary import DigitMethod, DigitTrigger


class NodeSettings(BaseModel):
    """The event socket of one FreeSWITCH."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(8021, ge=1, le=65535)
    password: SecretStr = SecretStr(DEFAULT_PASSWORD)

    @field_validator("password")
    @classmethod
    def _one_line(cls, password: SecretStr) -> SecretStr:
        if set("\r\n") & set(password.get_secret_value()):
            raise ValueError("must be one line")
        return password


class DiallingSettings(StageSettings):
    """One process dials for all its nodes; several share the commands by partitions."""

    section: ClassVar[str] = "dialling"

    nodes: dict[NodeName, NodeSettings] = Field(
        {}, description="The FreeSWITCH nodes that call, by their names in presence."
    )
    destinations: list[str] = Field(
        [],
        description="Numbers that may be called: regular expressions of whole numbers; none: "
        "nothing may.",
    )
    gateway: Annotated[str, Field(pattern=GATEWAY)] | None = Field(
        None, description="Sofia gateway of calls that name none."
    )
    gateway_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8096"),
        description="Rollcall's own gateway, which is asked where a user is reachable.",
    )
    gateway_token: SecretStr | None = Field(
        None, description="A token that shows the users to be called."
    )
    rate: float = Field(0.5, gt=0, description="Calls a second that one client may ask for.")
    burst: int = Field(10, ge=1, description="Calls at once, before that rate counts.")
    calls_max: int = Field(100, ge=1, description="Calls at the same time.")
    calls_max_per_client: int = Field(20, ge=1, description="Calls of one client at the same time.")
    command_max_age_seconds: float = Field(
        300, gt=0, description="A command that waited longer for its node is not carried out."
    )
    trigger: DigitTrigger = Field(DigitTrigger.GREETING, description="When digits go out.")
    pause_seconds: Seconds = Field(2.0, description="With trigger pause: after media flows.")
    silence_seconds: Seconds = Field(1.2, description="Silence that ends a greeting.")
    no_speech_seconds: Seconds = Field(
        5.0, description="Without any speech, digits go out so long after media flows."
    )
    at_most_seconds: Seconds = Field(
        25.0, description="Digits go out so long after media flows, whatever is heard."
    )
    answer_seconds: Seconds = Field(45.0, description="How long the far end may ring.")
    media_seconds: Seconds = Field(10.0, description="After the answer, until media flows.")
    reaction_seconds: Seconds = Field(
        8.0, description="Without a sound so long after the digits they were not taken."
    )
    settle_seconds: Seconds = Field(
        3.0, description="Quiet after an answer to the digits that makes it the last one."
    )
    digit_ms: Milliseconds = Field(100, description="Duration of a digit, in milliseconds.")
    gap_ms: Milliseconds = Field(100, description="Pause between two digits, in milliseconds.")
    method: DigitMethod = Field(DigitMethod.RFC4733, description="How digits are sent.")
    attempts: int = Field(2, ge=1, le=5, description="How often, while they are not taken.")
    connect_timeout_seconds: float = Field(5, gt=0)
    command_timeout_seconds: float = Field(10, gt=0, description="For a switch's answer.")
    retry_max_seconds: float = Field(5, gt=0, description="Longest wait before reconnecting.")

    @field_validator("destinations")
    @classmethod
    def _expressions(cls, destinations: list[str]) -> list[str]:
        for one in destinations:
            try:
                re.compile(one)
            except re.error as error:
                raise ValueError(f"{one!r} is no regular expression: {error}") from error
        return destinations

    def plan(self, command: DialCommand) -> Plan:
        """The command's own values, and these settings where it has none."""
        return Plan(
            digits=command.extension,
            timing=Timing(
                trigger=command.trigger or self.trigger,
                pause=_given(command.pause_seconds, self.pause_seconds),
                silence=_given(command.silence_seconds, self.silence_seconds),
                no_speech=self.no_speech_seconds,
                at_most=_given(command.at_most_seconds, self.at_most_seconds),
                answer=self.answer_seconds,
                media=self.media_seconds,
                reaction=self.reaction_seconds,
                settle=self.settle_seconds,
            ),
            method=command.method or self.method,
            digit_ms=command.digit_ms or self.digit_ms,
            gap_ms=command.gap_ms or self.gap_ms,
            attempts=self.attempts,
        )


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
