"""Migration files: numbered, split into statements, harmless a second time."""

from pathlib import Path

import pytest

from sinks.clickhouse import migration


def test_shipped_migrations_are_numbered_and_have_statements() -> None:
    migrations = migration.load()
    numbers = [m.number for m in migrations]
    assert numbers == sorted({*numbers})
    assert all(m.statements for m in migrations)
    again = (
        *("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE VIEW", "CREATE MATERIALIZED VIEW IF"),
        *("DROP TABLE IF EXISTS", "DROP VIEW IF EXISTS"),
        "INSERT INTO presence_raw",  # the same rows again are one
    )
    for statement, each in ((s.sql, s.each) for m in migrations for s in m.statements):
        if each is not None:  # run only where its query finds that it is due
            assert each.startswith("SELECT ")
        elif statement.startswith("ALTER TABLE"):
            added = statement.count("ADD COLUMN IF NOT EXISTS")
            assert added == statement.count("ADD COLUMN")
            # To give a column or a view what it has already changes nothing.
            assert added or "MODIFY COLUMN" in statement or "MODIFY QUERY" in statement
        else:
            assert statement.startswith(again)


def test_numbers_may_be_left_out(tmp_path: Path) -> None:
    for name in ("0004_b.sql", "0001_a.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    assert [one.number for one in migration.load(tmp_path)] == [1, 4]


@pytest.mark.parametrize("names", [["0001_a.sql", "0001_b.sql"], ["1_a.sql"]])
def test_a_bad_name_or_a_duplicate_number_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(ValueError, match="expected"):
        migration.load(tmp_path)


def test_statements_end_at_line_ends_only() -> None:
    made = migration.Migration(number=1, name="x", text="-- a;\nSELECT ';x';\nSELECT\n 2;  \n")
    assert [one.sql for one in made.statements] == ["SELECT ';x'", "SELECT\n 2"]


def test_a_statement_for_each_row_of_a_query() -> None:
    text = "SELECT 1;\n\n-- for each: SELECT day FROM t\nINSERT {each};\nSELECT 2;\n"
    made = migration.Migration(number=1, name="x", text=text)
    assert made.statements == [
        migration.Statement("SELECT 1"),
        migration.Statement("INSERT {each}", "SELECT day FROM t"),
        migration.Statement("SELECT 2"),
    ]
