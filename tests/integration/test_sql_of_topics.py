"""schemas/sql on real engines: ClickHouse's Kafka engine reads each topic; Flink's own parser."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import chdb
import pytest
from confluent_kafka import Producer

from local.kafka.jars import Jar, fetched, locked
from runtime.kafka import KafkaSettings
from schemas import golden
from schemas.ddl import clickhouse, files
from schemas.ddl.fields import TOPICS, ListOf, Record, Scalar, Type, fields_of, table_name
from schemas.topic import Topic
from schemas.topics import DEAD_LETTERS
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
JARS = Path(__file__).with_name("flink_parser.lock")


def statements(text: str) -> list[str]:
    """The statements of a file, without comments."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [part for part in re.split(r";\n", "\n".join(lines) + "\n") if part.strip()]


def of_page(language: str) -> list[str]:
    """The statements that docs/querying.md shows in a block of that language."""
    page = (ROOT / "docs" / "querying.md").read_text(encoding="utf-8")
    section = page.partition("## Streams by SQL\n")[2].partition("\n## ")[0]
    blocks = re.findall(rf"```sql\n-- {language}\n(.*?)```", section, re.DOTALL)
    assert blocks
    return [one for block in blocks for one in statements(block)]


# -- ClickHouse -----------------------------------------------------------------------------------


class Engine:
    """ClickHouse in this process."""

    def __init__(self, folder: Path) -> None:
        self._connection = chdb.connect(str(folder))

    def rows(self, sql: str, settings: dict[str, str]) -> list[dict[str, Any]]:
        every = settings | {
            "output_format_json_quote_64bit_integers": "0",
            "date_time_output_format": "'iso'",
        }
        given = ", ".join(f"{name} = {value}" for name, value in every.items())
        text = str(self._connection.query(f"{sql} SETTINGS {given}", "JSONEachRow"))
        return [json.loads(line) for line in text.splitlines()]

    def run(self, sql: str) -> None:
        self._connection.query(sql)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with closing(Engine(tmp_path / "engine")) as found:
        yield found


def as_column(type_: Type, value: Any) -> Any:
    """What a column has of a field's value: nothing instead of null in a list or a record."""
    if isinstance(type_, Record):
        return {one.name: as_column(one.type, (value or {}).get(one.name)) for one in type_.fields}
    if isinstance(type_, ListOf):
        return [as_column(type_.item, one) for one in value or ()]
    if type_ is Scalar.NUMBER and value is not None:
        return pytest.approx(value)  # some versions read the last digit as another one
    if type_ is Scalar.TIME and value is not None and "." not in value:
        return value.replace("Z", ".000000Z")
    return value


def assert_read(topic: Topic, found: list[dict[str, Any]]) -> None:
    """Each example's values are those of its row."""
    for example, row in zip(golden.examples(topic), found, strict=True):
        for field in fields_of(topic):
            if field.name in example.value:
                expected = as_column(field.type, example.value[field.name])
                assert row[field.name] == expected, field.name


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_columns_of_clickhouse_have_each_value_of_each_example(
    engine: Engine, topic: Topic
) -> None:
    data = "\n".join(json.dumps(one.value) for one in golden.examples(topic))
    columns = re.sub(r" COMMENT '(?:[^'\\]|\\.)*'", "", clickhouse.columns(topic))
    sql = f"SELECT * FROM format(JSONEachRow, '{quoted(columns)}', '{quoted(data)}')"
    assert_read(topic, engine.rows(sql, clickhouse.FORMAT))


def test_clickhouse_parses_every_table_and_the_example(engine: Engine) -> None:
    tables = statements((files.FOLDER / "clickhouse.sql").read_text())
    assert len(tables) == len(TOPICS)
    for statement in [*tables, *of_page("ClickHouse")]:
        engine.run(f"SELECT formatQuery('{quoted(statement)}')")
    with pytest.raises(RuntimeError, match="SYNTAX_ERROR"):
        engine.run("SELECT formatQuery('CREATE TABLE a (b Strin')")


def test_the_kafka_engine_reads_each_example_of_each_topic(
    kafka: KafkaSettings, engine: Engine
) -> None:
    text = (files.FOLDER / "clickhouse.sql").read_text()
    try:
        for statement in statements(own(text, kafka)):
            engine.run(statement)
    except RuntimeError as error:
        if "Shutdown was called" in str(error):
            pytest.skip("this chDB has no threads for the Kafka engine (chdb 3.7 makes its tables)")
        raise
    for topic in TOPICS:
        wrong = [b"{"] if topic is DEAD_LETTERS else []
        publish(kafka, topic, [one.text.encode() for one in golden.examples(topic)] + wrong)
    for topic in TOPICS:
        rows: list[dict[str, Any]] = []
        count = len(golden.examples(topic)) + (topic is DEAD_LETTERS)
        eventually(partial(_is_read, engine, topic, rows, count), 60, what=topic.name)
        assert [bool(row["_error"]) for row in rows].count(True) == (topic is DEAD_LETTERS)
        assert_read(topic, [row for row in rows if not row["_error"]])
        engine.run(f"DROP TABLE {table_name(topic)}")


def own(text: str, kafka: KafkaSettings) -> str:
    """With the brokers and the names of topics of the test."""
    for topic in TOPICS:
        name = table_name(topic)
        text = text.replace(f"'{topic.name}'", f"'{kafka.name(topic)}'")
        text = text.replace(f"'clickhouse-{name}'", f"'{kafka.namespace}{name}'")
    return text.replace("KAFKA_BROKERS", kafka.bootstrap_servers)


def publish(kafka: KafkaSettings, topic: Topic, values: list[bytes]) -> None:
    producer = Producer(kafka.producer())
    for value in values:
        producer.produce(kafka.name(topic), key=b"x", value=value)  # one partition: in order
    assert producer.flush(30) == 0


def _is_read(engine: Engine, topic: Topic, rows: list[dict[str, Any]], count: int) -> bool:
    """Take what the table has read by now, as one query may."""
    sql = f"SELECT *, _error FROM {table_name(topic)}"
    rows.extend(engine.rows(sql, {"stream_like_engine_allow_direct_select": "1"}))
    return len(rows) >= count


# -- Flink ----------------------------------------------------------------------------------------

PARSER = """
import java.nio.file.*;
import org.apache.calcite.sql.parser.SqlParser;
import org.apache.flink.sql.parser.impl.FlinkSqlParserImpl;
import org.apache.flink.sql.parser.validate.FlinkSqlConformance;
import org.apache.calcite.avatica.util.*;

public class Parse {
    public static void main(String[] files) throws Exception {
        var config = SqlParser.config()
            .withParserFactory(FlinkSqlParserImpl.FACTORY)
            .withConformance(FlinkSqlConformance.DEFAULT)
            .withLex(org.apache.calcite.config.Lex.JAVA)
            .withIdentifierMaxLength(256);
        for (String file : files) {
            var parsed = SqlParser.create(Files.readString(Path.of(file)), config).parseStmtList();
            for (var one : parsed) System.out.println(one.getKind());
        }
    }
}
"""


def flink_kinds(folder: Path, texts: list[str]) -> "subprocess.CompletedProcess[str]":
    """Parse statements; the output has the kind of each."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("no Java compiler: apt-get install default-jdk-headless")
    (folder / "Parse.java").write_text(PARSER)
    (folder / "given.sql").write_text(";\n".join(texts))
    jars = fetched(flink_jars())
    return subprocess.run(
        ["java", "-cp", jars, str(folder / "Parse.java"), str(folder / "given.sql")],
        capture_output=True,
        text=True,
        timeout=120,
    )


def flink_jars() -> list[Jar]:
    """Of flink-sql-parser, pinned."""
    return locked(JARS.read_text())


def test_flink_parses_every_table_and_the_examples(tmp_path: Path) -> None:
    tables = statements((files.FOLDER / "flink.sql").read_text())
    done = flink_kinds(tmp_path, tables)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["CREATE_TABLE"] * len(TOPICS)
    shown = of_page("Flink")
    done = flink_kinds(tmp_path, shown)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.split()) == len(shown)


def test_flink_refuses_a_type_that_there_is_not(tmp_path: Path) -> None:
    done = flink_kinds(tmp_path, ["CREATE TABLE `a` (`b` ARRAY<STRING)"])
    assert done.returncode != 0
    assert "SqlParseException" in done.stderr
