"""schemas.export, asyncapi and document: what is published are the models."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import asyncapi, codec, document, export, field_tables, golden, publish, topics
from schemas.cloudevents import event_headers
from schemas.topic import Topic
from schemas.vocabulary import Cause, RegistrationKind

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STALE = "run `make schemas` (python -m schemas.publish) and commit what it writes"


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_published_schemas_are_the_present_ones(tmp_path: Path) -> None:
    export.export(tmp_path)
    assert contents(tmp_path) == contents(export.PUBLISHED), STALE


def test_the_present_schemas_break_no_reader_of_the_published() -> None:
    before = publish.published_version()
    assert before is not None
    broken = publish.incompatibilities()
    assert not broken or publish.may_break(before, asyncapi.VERSION)


def test_the_page_is_up_to_date() -> None:
    assert document.PAGE.read_text(encoding="utf-8") == document.page(), STALE


def test_export_is_deterministic_and_removes_old_topics(tmp_path: Path) -> None:
    (tmp_path / "rollcall.forgotten.schema.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("kept")
    written = export.export(tmp_path)
    first = contents(tmp_path)
    assert export.export(tmp_path) == written
    assert contents(tmp_path) == first
    assert first.keys() == {path.name for path in written} | {"mine.txt"}


@pytest.mark.parametrize("topic", topics.ALL, ids=lambda topic: topic.name)
def test_a_schema_describes_itself(topic: Topic) -> None:
    schema = export.json_schema(topic)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == export.DIALECT
    assert schema["$id"] == f"urn:rollcall:schema:{topic.name}"
    assert schema["title"] == topic.model.__name__
    assert len(schema["description"]) > 20


# -- AsyncAPI -------------------------------------------------------------------------------------
# The official JSON Schema of AsyncAPI 3.0 is no Python package; docs/operations.md describes how to
# check against it. Here: what its rules mean for a document of this kind.


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return asyncapi.document()


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []


def test_every_reference_has_a_target(api: dict[str, Any]) -> None:
    for reference in references(api):
        node: Any = api
        assert reference.startswith("#/")
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_parts_have_the_fields_of_the_asyncapi_specification(api: dict[str, Any]) -> None:
    assert api["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= api["info"].keys()
    assert api.keys() <= {"asyncapi", "id", "info", "defaultContentType", "channels",
                          "operations", "components", "servers"}  # fmt: skip
    for channel in api["channels"].values():
        assert channel.keys() <= {"address", "title", "summary", "description", "messages",
                                  "parameters", "servers", "tags", "bindings"}  # fmt: skip
    for operation in api["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"]["$ref"].startswith("#/channels/")
    for message in api["components"]["messages"].values():
        assert {"name", "payload", "headers", "examples", "bindings"} <= message.keys()


def test_every_topic_is_a_channel_with_its_writers_and_readers(api: dict[str, Any]) -> None:
    for topic in topics.ALL:
        assert api["channels"][topic.name]["address"] == topic.name
        operations = {
            (operation["tags"][0]["name"], operation["action"])
            for operation in api["operations"].values()
            if operation["channel"]["$ref"] == f"#/channels/{topic.name}"
        }
        assert operations == {(stage, "send") for stage in topic.writers} | {
            (stage, "receive") for stage in topic.readers
        }


def test_examples_are_valid_payloads(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]
    for message in api["components"]["messages"].values():
        # The document's references, seen from the payload's own root.
        root = {"components": {"schemas": schemas}, **message["payload"]}
        for example in message["examples"]:
            Draft202012Validator(root).validate(example["payload"])


def test_produced_headers_are_valid_by_the_document(api: dict[str, Any]) -> None:
    example = golden.examples(topics.REGISTRATIONS)[0]
    event = codec.validate(topics.REGISTRATIONS.model, example.text.encode())
    made = event_headers(topics.REGISTRATIONS, event, event.aor, TRACEPARENT)
    Draft202012Validator(api["components"]["schemas"]["Headers"]).validate(
        {name: value.decode() for name, value in made}
    )


# -- the page and the publication -----------------------------------------------------------------


def test_the_page_names_everything() -> None:
    page = document.page()
    for topic in topics.ALL:
        assert f"# {topic.name}\n" in page
    for value in (*Cause, *RegistrationKind):
        assert f"| `{value.value}` |" in page
    anchors = {
        field_tables.anchor(line.lstrip("# ")) for line in page.splitlines() if line.startswith("#")
    }
    links = {part.partition(")")[0] for part in page.split("](#")[1:]}
    assert links <= anchors


def test_values_have_their_meanings() -> None:
    assert document.meanings(Cause).keys() == {cause.name for cause in Cause}
    assert document.meanings(RegistrationKind).keys() == {kind.name for kind in RegistrationKind}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.1.9", False),
        ("0.1.0", "0.2.0", True),
        ("0.9.0", "1.0.0", True),
        ("1.2.0", "1.9.0", False),
        ("1.2.0", "2.0.0", True),
        ("2.0.0", "1.9.0", False),
    ],
)
def test_versions_that_may_break(old: str, new: str, expected: bool) -> None:
    assert publish.may_break(old, new) is expected


def test_nothing_incompatible_is_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, page = tmp_path / "published", tmp_path / "events.md"
    export.export(folder)
    schema_path = folder / export.schema_file(topics.PRESENCE)
    schema = json.loads(schema_path.read_text())
    schema["properties"]["mood"] = {"type": "string"}
    schema_path.write_text(json.dumps(schema))
    before = contents(folder)
    assert publish.publish(folder, page) == 1
    assert "rollcall.presence.mood: removed field" in capsys.readouterr().err
    assert contents(folder) == before
    assert not page.exists()
    monkeypatch.setattr(asyncapi, "VERSION", "99.0.0")
    assert publish.publish(folder, page) == 0
    assert publish.incompatibilities(folder) == []
    assert page.exists()
