"""The sink's settings: where ClickHouse is, and how large and how old a batch may get."""

from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, field_validator, model_validator

from runtime.settings import StageSettings
from sinks.clickhouse.cluster import Cluster

User = tuple[str, SecretStr]
_TLS = ("ca_file", "client_certificate", "client_key")


class ClickHouseSettings(StageSettings):
    """Section `clickhouse`: chDB in `folder` unless `url` names a server."""

    section: ClassVar[str] = "clickhouse"

    url: str | None = Field(
        None, description="http(s)://HOST[:PORT] of a server; null or empty: chDB."
    )
    folder: Path = Field(
        Path(".rollcall/clickhouse"),
        description="chDB's data. One process at a time can open it.",
    )
    database: str = Field("rollcall", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    cluster: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$",
        description="Of the server's remote_servers, with one shard: tables are replicated to all "
        "its servers. null: to none.",
    )
    replica_path: str = Field(
        "/clickhouse/tables/{shard}/{database}/{table}",
        pattern=r"^/[^'\\]*\{table\}[^'\\]*$",
        description="Of a replicated table in Keeper, with the servers' macros.",
    )
    insert_quorum: str = Field(
        "auto",
        pattern=r"^(auto|[0-9]+)$",
        description="Replicas that must have a batch before its position is stored; auto: most.",
    )
    user: str = "default"
    password: SecretStr = SecretStr("")
    ca_file: FilePath | None = Field(
        None, description="Authorities to trust instead of the default, for a server's https; PEM."
    )
    client_certificate: FilePath | None = Field(
        None,
        description="Shown to the server; PEM. Without `password` it also names the user "
        "(IDENTIFIED WITH ssl_certificate).",
    )
    client_key: FilePath | None = Field(
        None, description="Of `client_certificate`, where that file does not have it; PEM."
    )
    query_user: str | None = Field(
        None, description="For `rollcall query` on a server: one with SELECT only; null: `user`."
    )
    query_password: SecretStr = SecretStr("")
    batch_rows: int = Field(20_000, ge=1, description="A batch is due with so many records,")
    batch_bytes: int = Field(32 << 20, ge=1, description="or so many bytes of values,")
    batch_seconds: float = Field(1.0, gt=0, description="or when its oldest record waits so long.")
    retry_seconds: float = Field(
        30.0,
        gt=0,
        description="Longest pause between two attempts to write a batch.",
    )
    timeout_seconds: int = Field(60, ge=1, description="For one statement on a server.")
    derive_seconds: float = Field(
        60.0, gt=0, description="So often closed hours and days are looked for, to be derived."
    )
    keep_refreshes_days: int = Field(
        7, ge=1, description="Refreshes and rows of listings, which only confirm a binding,"
    )
    keep_events_days: int = Field(180, ge=1, description="other events,")
    keep_presence_days: int = Field(400, ge=1, description="and presence changes, in days.")

    pseudonym_key_file: Path | None = Field(
        None,
        description="Key (16 bytes or more) of the hashes stored in place of who users are: AORs, "
        "contacts, addresses, numbers, ids of calls; null: stored in clear.",
    )

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if not url:
            return None
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError("must be http://HOST[:PORT] or https://HOST[:PORT]")
        return url

    @model_validator(mode="after")
    def _need_a_server(self) -> "ClickHouseSettings":
        given = [name for name in _TLS if getattr(self, name) is not None]
        if given and not (self.url or "").startswith("https:"):
            raise ValueError(f"{', '.join(given)}: only with an https:// url")
        if self.cluster is not None and self.url is None:
            raise ValueError("cluster: only with the url of a server")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key: only with client_certificate")
        return self

    @property
    def replicas(self) -> Cluster | None:
        """The cluster that tables are replicated to."""
        return Cluster(self.cluster, self.replica_path) if self.cluster is not None else None

    @property
    def writer(self) -> User:
        """Who stores."""
        return self.user, self.password

    @property
    def reader(self) -> User:
        """Who asks."""
        return (self.query_user, self.query_password) if self.query_user else self.writer

    @property
    def place(self) -> str:
        """Where the data is, for messages."""
        return self.url or f"chDB in {self.folder}"
