"""`rollcall query`: asks the store a named question, or one in SQL, and prints the answer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from cli.console import DEMO_FOLDER, canonical, emit
from cli.query_output import Form, show
from operate.explain.time_expressions import parse_time
from operate.queries.catalogue import NamedQuery, catalogue, find
from runtime.settings import BadArgument, load
from schemas.sip_uri import MalformedUri, aor_of
from sinks.clickhouse.asking.client import ask
from sinks.clickhouse.pseudonyms import as_stored
from sinks.clickhouse.settings import ClickHouseSettings

# Where no --from is given.
_SPAN = timedelta(days=1)


def query(
    name: str | None,
    sql: str | None,
    options: dict[str, str | None],
    folder: Path | None,
    form: Form,
) -> None:
    """Print the answer. Raises BadArgument, UnknownQuery, StatementRefused, StoreUnavailable.

    `options`: at, from, to, node, domain and aor as given. `folder`: of a stack.
    """
    if sql is None and name is None:
        _list(form)
        return
    if sql is not None and name is not None:
        raise BadArgument("either NAME or --sql, not both")
    settings = store_settings(folder)
    if sql is not None:
        if given := [option for option, value in options.items() if value is not None]:
            raise BadArgument(f"--{given[0]} is for a named query: write it into the SQL")
        show(ask(settings, sql, {}), form)
        return
    chosen = find(name or "")
    show(ask(settings, chosen.sql, _parameters(chosen, options, settings)), form, chosen.plot)


def store_settings(folder: Path | None) -> ClickHouseSettings:
    """The store of the settings, of a stack's folder, or that the demo left."""
    if folder is not None:
        return load(ClickHouseSettings, url=None, folder=folder / "clickhouse")
    settings = load(ClickHouseSettings)
    demo = DEMO_FOLDER / "clickhouse"
    if settings.url is None and not settings.folder.is_dir() and demo.is_dir():
        return load(ClickHouseSettings, folder=demo)
    return settings


def _list(form: Form) -> None:
    for name, one in catalogue().items():
        if form is Form.JSON:
            emit({"name": name, "question": one.question, "parameters": sorted(one.parameters)})
        else:
            typer.echo(f"{name:24} {one.question}")


def _parameters(
    chosen: NamedQuery, options: dict[str, str | None], settings: ClickHouseSettings
) -> dict[str, str]:
    """The values of the query's parameters. Raises BadArgument, BadSettings."""
    for option, value in options.items():
        if value is not None and option not in chosen.parameters:
            takes = ", ".join(f"--{one}" for one in sorted(chosen.parameters))
            raise BadArgument(f"{chosen.name} has no --{option}: it takes {takes}")
    now = datetime.now(UTC)
    end = _time(options["to"], now, now)
    found = {
        "at": _text(_time(options["at"], now, now)),
        "from": _text(_time(options["from"], now, end - _SPAN)),
        "to": _text(end),
        "node": options["node"] or "",
        "domain": _domain(options["domain"]),
        "aor": as_stored(settings, canonical(options["aor"])) if options["aor"] else "",
    }
    if "from" in chosen.parameters and found["from"] >= found["to"]:
        raise BadArgument("--from has to be before --to")
    return {key: value for key, value in found.items() if key in chosen.parameters}


def _time(given: str | None, now: datetime, default: datetime) -> datetime:
    return parse_time(given, now).at if given is not None else default


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _domain(given: str | None) -> str:
    if not given:
        return ""
    try:
        return aor_of(f"sip:x@{given}").partition("@")[2]
    except MalformedUri as error:
        raise BadArgument(f"{given[:100]!r} is no domain: {error}") from error
