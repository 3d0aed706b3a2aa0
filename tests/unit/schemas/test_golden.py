"""The golden examples are records of the contract, for every reader of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import codec, export, golden, topics
from schemas.golden import Example
from schemas.topic import Topic

CASES = [
    pytest.param(topic, example, id=example.path.stem)
    for topic in topics.ALL
    for example in golden.examples(topic)
]
Reader = Callable[[type[Any], bytes], Any]
READERS: list[Reader] = [codec.validate, codec.decode]


@pytest.mark.parametrize("topic", topics.ALL, ids=lambda topic: topic.name)
def test_every_topic_has_an_example(topic: Topic) -> None:
    assert golden.examples(topic)


def test_every_file_is_an_example_of_a_topic() -> None:
    known = {example.path for topic in topics.ALL for example in golden.examples(topic)}
    assert set(golden.FOLDER.iterdir()) == known


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("topic", "example"), CASES)
def test_an_example_is_read_and_written_unchanged(
    topic: Topic, example: Example, read: Reader
) -> None:
    record = read(topic.model, example.text.encode())
    assert json.loads(codec.encode(record)) == example.value


@pytest.mark.parametrize(("topic", "example"), CASES)
def test_an_example_is_valid_by_the_exported_schema(topic: Topic, example: Example) -> None:
    schema = export.json_schema(topic)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(example.value)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("topic", "example"), CASES)
def test_a_field_of_a_later_version_is_ignored(
    topic: Topic, example: Example, read: Reader
) -> None:
    later = json.dumps({"added_later": {"deep": [1]}, **example.value}).encode()
    assert read(topic.model, later) == read(topic.model, example.text.encode())


@pytest.mark.parametrize(("topic", "example"), CASES)
def test_the_schema_allows_later_fields(topic: Topic, example: Example) -> None:
    Draft202012Validator(export.json_schema(topic)).validate({"added_later": 1, **example.value})


@pytest.mark.parametrize(("topic", "example"), CASES)
def test_a_missing_field_is_refused_by_each_reader(topic: Topic, example: Example) -> None:
    schema = export.json_schema(topic)
    for name in schema.get("required", ()):
        value = {key: kept for key, kept in example.value.items() if key != name}
        assert not Draft202012Validator(schema).is_valid(value)
        for read in READERS:
            with pytest.raises(codec.InvalidRecord):
                read(topic.model, json.dumps(value).encode())


def test_every_status_has_an_example() -> None:
    shown = {example.value["status"] for example in golden.examples(topics.PRESENCE)}
    assert {"online", "offline", "ringing", "on-the-phone"} <= shown
