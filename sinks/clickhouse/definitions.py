"""What a database must have before rows are stored: migrations, lifetimes, views; at a start."""

from collections.abc import Callable

from sinks.clickhouse.database import Database
from sinks.clickhouse.definition_lock import THIS_PROCESS, DefinitionLock
from sinks.clickhouse.derived import views
from sinks.clickhouse.migration import Migration, migrate
from sinks.clickhouse.replication import replicate
from sinks.clickhouse.retention import keep
from sinks.clickhouse.settings import ClickHouseSettings

# A lock is held for so long after a statement could have ended.
_SLACK_SECONDS = 10


def define(
    database: Database,
    settings: ClickHouseSettings,
    migrations: list[Migration],
    owner: str = THIS_PROCESS,
) -> None:
    """Define everything that is missing. On a server one sink does at a time.

    Raises StoreBusy while another one does, MigrationChanged, StoreUnavailable,
    StoreMisconfigured.
    """
    if settings.url is None:  # one process has the folder
        _define(database, settings, migrations, lambda: None)
        return
    with DefinitionLock(database, settings.timeout_seconds + _SLACK_SECONDS, owner) as lock:
        _define(database, settings, migrations, lock.extend)


def _define(
    database: Database,
    settings: ClickHouseSettings,
    migrations: list[Migration],
    before: Callable[[], None],
) -> None:
    if settings.replicas is not None:
        replicate(database, migrations, before)
    migrate(database, migrations, before)
    before()
    keep(database, settings)
    before()
    views.make(database)
