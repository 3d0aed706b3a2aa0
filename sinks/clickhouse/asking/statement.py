"""Reads a statement, and writes the one that is run: one SELECT of the views, and nothing else.

Pure. What is run is written anew from the parsed statement, and its names are checked as written:
what a parser might have misread is not in it. chDB runs in the sink's process with the sink's
rights, and its `readonly` does not keep `file()` or INTO OUTFILE out.
"""

import logging
from collections.abc import Collection

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from sinks.clickhouse.asking.functions import ALLOWED, ALLOWED_TABLES
from sinks.clickhouse.errors import StatementRefused

# It logs what it cannot parse before raising it.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

STATEMENT_MAX = 50_000  # characters
_DIALECT = "clickhouse"
# Keywords after which a parenthesis opens no call.
_NOT_CALLS = frozenset(
    """
    all and any array as asc between by case cross cube desc distinct else end except exists fill
    filter final following from full global group grouping having in inner intersect interval is
    join left like limit not offset on or order outer over partition preceding prewhere qualify
    recursive replace right rollup rows range sample select semi sets step then ties to top totals
    unbounded union using values when where window with
    """.split()  # noqa: SIM905 - a list of words
)
_REFUSED_WORDS = frozenset({"settings", "format", "into", "outfile", "infile", "insert", "execute"})
_NAMES = (TokenType.IDENTIFIER, TokenType.VAR)


def checked(sql: str, views: Collection[str]) -> str:
    """The statement to run. Raises StatementRefused.

    `views`: the names of the tables that it may read.
    """
    if len(sql) > STATEMENT_MAX:
        raise StatementRefused(f"longer than {STATEMENT_MAX} characters")
    query = _parsed(sql)
    _check_tables(query, views)
    written = query.sql(dialect=_DIALECT, comments=False)
    _check_words(written)
    return written


def _parsed(sql: str) -> exp.Query:
    try:
        statements = [one for one in sqlglot.parse(sql, dialect=_DIALECT) if one is not None]
    except (SqlglotError, RecursionError) as error:
        text = str(error).partition("\n")[0]
        raise StatementRefused(f"not understood: {text}"[:300]) from error
    if len(statements) != 1:
        raise StatementRefused("not one statement")
    (query,) = statements
    if not isinstance(query, exp.Query):
        raise StatementRefused("only SELECT is allowed")
    return query


def _check_tables(query: exp.Query, views: Collection[str]) -> None:
    named = {one.alias for one in query.find_all(exp.CTE)}
    known = {*views, *named}
    for table in query.find_all(exp.Table):
        if isinstance(table.this, exp.Anonymous) and table.this.name.lower() in ALLOWED_TABLES:
            continue
        if not isinstance(table.this, exp.Identifier) or table.args.get("db"):
            raise StatementRefused(f"not a table of the store: {table.sql(_DIALECT)[:100]}")
        if table.name not in known:
            raise StatementRefused(f"there is no {table.name[:100]!r}: {', '.join(sorted(views))}")
    for part in query.find_all(exp.In):
        # `x IN name` reads a table.
        if isinstance(part.args.get("field"), exp.Column | exp.Identifier | exp.Dot):
            raise StatementRefused("IN takes a list or a SELECT, not a table's name")


def _check_words(written: str) -> None:
    """Refuse calls of unknown functions, and clauses that change or write anything."""
    tokens: list[Token] = sqlglot.tokenize(written, dialect=_DIALECT)
    for number, token in enumerate(tokens):
        word = token.text.lower()
        is_quoted = token.token_type is TokenType.IDENTIFIER
        if not is_quoted and token.token_type is not TokenType.STRING and word in _REFUSED_WORDS:
            raise StatementRefused(f"{word.upper()} is not allowed")
        follows = tokens[number + 1] if number + 1 < len(tokens) else None
        if follows is None or follows.token_type is not TokenType.L_PAREN:
            continue
        is_name = token.token_type in _NAMES or word.isidentifier()
        if is_name and token.token_type is not TokenType.STRING:
            _check_call(word, is_quoted=is_quoted)


def _check_call(name: str, *, is_quoted: bool) -> None:
    if name in ALLOWED or name in ALLOWED_TABLES:
        return
    if not is_quoted and name in _NOT_CALLS:
        return
    raise StatementRefused(f"the function {name[:100]} is not allowed")
