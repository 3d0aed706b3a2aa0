"""Which statements may be run, and in which words they are."""

import pytest

from operate.queries.catalogue import catalogue
from sinks.clickhouse.asking.statement import STATEMENT_MAX, checked
from sinks.clickhouse.errors import StatementRefused
from sinks.clickhouse.tables import ASKED, VIEWS

ALLOWED = [
    "SELECT 1",
    "SELECT toStartOfHour(at) AS hour, cause, count() FROM presence_history GROUP BY ALL",
    "SELECT b.node, uniqExact(aor) FROM presence ARRAY JOIN bindings AS b GROUP BY b.node",
    "SELECT quantile(0.5)(latency) FROM speech WHERE aor = {aor:String} LIMIT 1 BY aor",
    "SELECT call_id FROM media ARRAY JOIN streams AS s WHERE kind IN ('ended', 'timed-out')",
    "WITH x AS (SELECT aor FROM presence) SELECT * FROM x WHERE aor IN (SELECT aor FROM x)",
    "SELECT arrayMap(x -> x.1, bindings) FROM presence",
    "SELECT lagInFrame(at) OVER (PARTITION BY aor ORDER BY version) FROM presence_history",
    "SELECT number FROM numbers(24)",
    "SELECT 'file(1) INTO OUTFILE', aor AS `format` FROM presence",
]
REFUSED = [
    *("SELECT * FROM file('/etc/passwd')", "SELECT file('/etc/passwd')"),
    *("SELECT `file`('/etc/passwd')", "SELECT \"file\"('/etc/passwd')"),
    *("SELECT fIlE('/etc/passwd')", "SELECT /* x */ file/**/('/etc/passwd')"),
    *("SELECT toString(file('/etc/passwd'))", "WITH file('/etc/passwd') AS x SELECT x"),
    *("SELECT $$a$$ || file($$/etc/passwd$$)", "SELECT * FROM 'x.csv'", 'SELECT * FROM "x.csv"'),
    *("SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT * FROM presence INTO OUTFILE '/x' FORMAT CSV"),
    *("SELECT * FROM presence SETTINGS readonly=0", "SELECT * FROM presence FORMAT CSV"),
    *("SELECT * FROM (SELECT 1 SETTINGS max_threads=1)", "SET readonly=0", "USE system"),
    *("SELECT 1; DROP TABLE presence_raw", "DROP TABLE presence_raw", "SYSTEM STOP MERGES"),
    *("INSERT INTO presence_raw SELECT 1", "CREATE TABLE x AS SELECT 1", "ALTER TABLE x DELETE"),
    *("SHOW TABLES", "DESCRIBE presence", "EXPLAIN SELECT 1", "KILL QUERY WHERE 1", ""),
    *(
        "SELECT * FROM system.tables",
        "SELECT 1 WHERE 1 IN system.one",
        "SELECT * FROM presence_raw",
    ),
    *("SELECT 1 WHERE 'x' IN presence_raw", "SELECT * FROM rollcall.presence"),
    "SELECT * FROM presence UNION ALL SELECT name FROM system.users",
    *("SELECT * FROM url('http://x', 'CSV', 'a String')", "SELECT * FROM s3('x')"),
    "SELECT * FROM (SELECT * FROM remote('127.0.0.1', system.one))",
    *("SELECT * FROM merge('rollcall', '.*')", "SELECT * FROM cluster('x', system.one)"),
    *("SELECT * FROM executable('x', 'TSV', 'a String')", "SELECT * FROM input('a String')"),
    "SELECT aor FROM presence WHERE exists(SELECT 1 FROM s3('x'))",
    *("SELECT getSetting('max_threads')", "SELECT dictGet('a', 'b', 1)", "SELECT hostName()"),
    *("SELECT joinGet('a', 'b', 1)", "SELECT sleep(3)", "SELECT fuzzBits('a', 0.1)"),
    *("SELECT arrayReduce('file', [1])", "SELECT columns('x') FROM presence APPLY(file)"),
    "SELECT * APPLY(x -> file(x)) FROM presence",
    "SELECT 1 FROM presence AS p, LATERAL file('x')",
    "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
    "SELECT '" + "x" * STATEMENT_MAX + "'",
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_questions_are_run(sql: str) -> None:
    assert checked(sql, VIEWS).upper().startswith(("SELECT", "WITH"))


@pytest.mark.parametrize("sql", REFUSED)
def test_all_else_is_refused(sql: str) -> None:
    with pytest.raises(StatementRefused):
        checked(sql, VIEWS)


def test_a_refusal_names_what_is_not_allowed() -> None:
    with pytest.raises(StatementRefused, match="the function file is not allowed"):
        checked("SELECT file('/etc/passwd')", VIEWS)
    with pytest.raises(StatementRefused, match="there is no 'user': call_records, calls, "):
        checked("SELECT * FROM user", VIEWS)


@pytest.mark.parametrize("name", catalogue())
def test_named_queries_may_be_run(name: str) -> None:
    assert checked(catalogue()[name].sql, ASKED)
