"""The contract for other languages: a JSON Schema a topic and one AsyncAPI document, as files."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from schemas import asyncapi, topics
from schemas.topic import Topic

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# As last released; `make schemas` writes it anew, and the tests compare it with the models.
PUBLISHED = Path(__file__).parent / "published"
ASYNCAPI_FILE = "asyncapi.json"


def schema_file(topic: Topic) -> str:
    """The file name of a topic's JSON Schema."""
    return f"{topic.name}.schema.json"


def schema_of(model: type[Any]) -> dict[str, Any]:
    """JSON Schema of one of the contract's models."""
    return TypeAdapter(model).json_schema(schema_generator=asyncapi.Untitled)


def json_schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a topic's values, as a reader must accept them."""
    schema = schema_of(topic.model)
    return {
        "$schema": DIALECT,
        "$id": f"urn:rollcall:schema:{topic.name}",
        "title": topic.model.__name__,
        **{name: value for name, value in schema.items() if name != "title"},
    }


def export(folder: Path) -> list[Path]:
    """Write every schema and the AsyncAPI document to `folder`; the same models, the same bytes.

    Schemas of topics that are no more are removed. Returns the files written, sorted. Raises
    OSError, which names the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    documents = {schema_file(topic): json_schema(topic) for topic in topics.ALL}
    documents[ASYNCAPI_FILE] = asyncapi.document()
    for stale in {path.name for path in folder.glob("*.schema.json")} - documents.keys():
        (folder / stale).unlink()
    for name, document in documents.items():
        text = json.dumps(document, indent=2, ensure_ascii=False)
        try:
            (folder / name).write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            error.filename = str(folder / name)  # a full disk's error does not name it
            raise
    return sorted(folder / name for name in documents)
