"""schemas.ddl: the files of SQL are generated, and have every topic and field that others read."""

import json
from pathlib import Path

import pytest

from schemas import codec, golden, topics
from schemas.ddl import files, flink, ksqldb
from schemas.ddl.fields import TOPICS, ListOf, MapOf, Record, Scalar, Type, fields_of, table_name
from schemas.topic import Cleanup, Topic

of_topics = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def test_the_files_are_what_is_generated(tmp_path: Path) -> None:
    """After a change: make schemas."""
    written = files.write(tmp_path)
    assert {one.name for one in files.FOLDER.iterdir()} == {one.name for one in written}
    for path in written:
        assert (files.FOLDER / path.name).read_text(encoding="utf-8") == path.read_text()


def test_every_topic_that_others_read_is_there() -> None:
    left_out = {topic.name for topic in topics.ALL if not topic.internal} - {
        topic.name for topic in TOPICS
    }
    assert left_out == {"rollcall.sessions", "rollcall.dial-commands"}


@of_topics
def test_every_field_of_every_example_is_a_column(topic: Topic) -> None:
    fields = {field.name: field for field in fields_of(topic)}
    for example in golden.examples(topic):
        for name, value in example.value.items():
            field = fields[name]
            assert value is not None or field.is_optional
            assert value is None or fits(field.type, value), name


def fits(type_: Type, value: object) -> bool:
    if isinstance(type_, ListOf):
        return isinstance(value, list) and all(fits(type_.item, one) for one in value)
    if isinstance(type_, MapOf):
        return isinstance(value, dict)
    if isinstance(type_, Record):
        return isinstance(value, dict) and value.keys() <= {one.name for one in type_.fields}
    kinds: dict[Scalar, type | tuple[type, ...]] = {
        Scalar.INTEGER: int,
        Scalar.UNSIGNED: int,
        Scalar.NUMBER: (int, float),
        Scalar.TRUTH: bool,
    }
    return isinstance(value, kinds.get(type_, str))


@of_topics
def test_a_compacted_topic_has_the_key_that_its_records_have(topic: Topic) -> None:
    assert (topic.key_field is not None) == (topic.cleanup is Cleanup.COMPACT)
    if topic.key_field is None:
        assert "WATERMARK" in flink.table(topic)
        assert ksqldb.table(topic).startswith("CREATE STREAM")
        return
    (key,) = [field for field in fields_of(topic) if field.name == topic.key_field]
    assert key.type is Scalar.TEXT
    assert not key.is_optional
    assert f"PRIMARY KEY (`{key.name}`) NOT ENFORCED" in flink.table(topic)
    assert f"`{key.name}` VARCHAR PRIMARY KEY" in ksqldb.table(topic)
    assert ksqldb.table(topic).count(f"    `{key.name}` ") == 1


def test_names_of_tables_have_no_dots_or_dashes() -> None:
    assert table_name(topics.CALL_RECORDS) == "rollcall_call_records"


def test_a_cookie_has_64_bits() -> None:
    value = golden.examples(topics.CONNECTIONS)[0].value | {"cookie": 2**64 - 1}
    codec.decode(topics.CONNECTIONS.model, json.dumps(value).encode())
    (cookie,) = [one for one in fields_of(topics.CONNECTIONS) if one.name == "cookie"]
    assert cookie.type is Scalar.UNSIGNED
    assert "`cookie` DECIMAL(20, 0)" in flink.table(topics.CONNECTIONS)
