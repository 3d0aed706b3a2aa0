"""The section [reference_user_center]: where it listens, and where it stores users."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator
from sqlalchemy.engine import make_url

from runtime.settings import StageSettings
from sinks.gateway.access.static_tokens import check_token
from sinks.user_center.settings import checked_secret


class ReferenceUserCenterSettings(StageSettings):
    """The reference user center's settings; `secret` is the sink's."""

    section: ClassVar[str] = "reference_user_center"

    host: str = "127.0.0.1"
    port: int = Field(8095, ge=0, le=65535, description="0 takes any free port, see /status.")
    secret: SecretStr = Field(description="whsec_ and base64 of 24-64 random bytes.")
    token: SecretStr | None = Field(
        None, description="Lists of users need it, as `Authorization: Bearer TOKEN`."
    )
    data: Path = Field(Path(".rollcall"), description="Folder of the SQLite file.")
    database_url: SecretStr | None = Field(
        None, description="postgresql://…; without it, SQLite in `data`."
    )
    body_max_bytes: int = Field(8 * 1024 * 1024, ge=1024)
    events_max: int = Field(10_000, ge=1, description="In one request.")

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: SecretStr) -> SecretStr:
        return checked_secret(secret)

    @field_validator("token")
    @classmethod
    def _token(cls, token: SecretStr | None) -> SecretStr | None:
        return check_token(token, "it") if token and token.get_secret_value() else None

    def url(self) -> str:
        """The SQLAlchemy URL of the database, with the driver this project ships."""
        if self.database_url is None:
            return f"sqlite:///{self.data / 'user-center.db'}"
        url = self.database_url.get_secret_value()
        for scheme in ("postgresql://", "postgres://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url

    def database(self) -> str:
        """The database for people: without its password."""
        return make_url(self.url()).render_as_string(hide_password=True)
