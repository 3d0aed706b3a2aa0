"""The section [user_center]: where presence is delivered, and the timeouts and retries."""

import base64
import binascii
from pathlib import Path
from typing import ClassVar

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator

from runtime.settings import StageSettings

# The Standard Webhooks specification asks for 24 to 64 bytes of randomness.
SECRET_PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)


def checked_secret(secret: SecretStr) -> SecretStr:
    """The secret, if it is base64 of 24-64 bytes (with or without `whsec_`). Raises ValueError.

    The signing library skips characters that are no base64, so a mistyped secret would only show
    as an endless 401.
    """
    text = secret.get_secret_value().removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64 after {SECRET_PREFIX}") from error
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"must hold 24 to 64 bytes, holds {len(key)}")
    return secret


class UserCenterSettings(StageSettings):
    """How to reach the user center and what to do while it is away."""

    section: ClassVar[str] = "user_center"

    url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8095/presence"), description="Where batches are posted."
    )
    secret: SecretStr = Field(description="whsec_ and base64 of 24-64 random bytes.")
    batch_max: int = Field(100, ge=1, le=10_000, description="Changes in one request.")
    max_age_seconds: float = Field(
        0.0, ge=0, le=60, description="How long a change may wait for its batch to fill."
    )
    concurrency: int = Field(4, ge=1, le=64, description="Requests at once, of different users.")
    timeout_seconds: float = Field(10.0, gt=0, description="For one request.")
    backoff_min_seconds: float = Field(0.1, gt=0)
    backoff_max_seconds: float = Field(30.0, gt=0)
    retry_after_max_seconds: float = Field(
        600.0, gt=0, description="The longest Retry-After that is honoured."
    )
    waiting_max: int = Field(
        200_000, ge=1, description="Users waiting at once; past it Kafka is not read."
    )
    instance: str | None = Field(
        None,
        description="A name of this process that its restarts keep and no other process has (the "
        "pod's in a StatefulSet): after a crash it gets its partitions back at once.",
    )
    ca_file: Path | None = Field(None, description="Certificates to trust instead of the default.")
    proxy: AnyHttpUrl | None = Field(None, description="The environment's proxies are not used.")

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: SecretStr) -> SecretStr:
        return checked_secret(secret)

    @model_validator(mode="after")
    def _bounds(self) -> "UserCenterSettings":
        if self.backoff_max_seconds < self.backoff_min_seconds:
            raise ValueError("backoff_max_seconds is less than backoff_min_seconds")
        return self
