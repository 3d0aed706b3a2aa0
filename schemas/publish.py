"""`make schemas`: writes schemas/published, schemas/sql and docs/events.md, unless readers would
break."""

import json
import sys
from pathlib import Path
from typing import Any

from schemas import asyncapi, document, export, topics
from schemas.compatibility import Incompatibility, compare_all
from schemas.ddl import files


def published(folder: Path = export.PUBLISHED) -> dict[str, dict[str, Any]]:
    """The JSON Schemas as last released, by topic name; none if nothing was published yet."""
    return {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.schema.json"))
    }


def published_version(folder: Path = export.PUBLISHED) -> str | None:
    """The contract's version as last released."""
    path = folder / export.ASYNCAPI_FILE
    if not path.exists():
        return None
    version: str = json.loads(path.read_text(encoding="utf-8"))["info"]["version"]
    return version


def incompatibilities(folder: Path = export.PUBLISHED) -> list[Incompatibility]:
    """What the present models would break of the schemas released in `folder`."""
    present = {topic.name: export.json_schema(topic) for topic in topics.ALL}
    return compare_all(published(folder), present)


def may_break(old: str, new: str) -> bool:
    """Whether the new version may break readers: its first number that is not 0 has grown."""
    before = [int(part) for part in old.split(".")]
    after = [int(part) for part in new.split(".")]
    leading = next((place for place, number in enumerate(before) if number), len(before) - 1)
    return after[: leading + 1] > before[: leading + 1]


def publish(
    folder: Path = export.PUBLISHED, page: Path = document.PAGE, sql: Path = files.FOLDER
) -> int:
    """Publish, or print what is incompatible; returns the exit status."""
    found, before = incompatibilities(folder), published_version(folder)
    if found and before is not None and not may_break(before, asyncapi.VERSION):
        print(*found, sep="\n", file=sys.stderr)  # noqa: T201 - a command
        print(  # noqa: T201 - a command
            f"Not published: readers of {before} would break. Make the change compatible, or "
            "raise schemas.asyncapi.VERSION.",
            file=sys.stderr,
        )
        return 1
    for path in (*export.export(folder), *files.write(sql), document.write(page)):
        print(path)  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(publish())
