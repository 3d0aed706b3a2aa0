"""What a statement answers: names and types of its columns, and its rows (pure)."""

import json
from dataclasses import dataclass
from typing import Any

# Of an answer; a statement with more is refused by ClickHouse.
ROWS_MAX = 100_000
# In which form ClickHouse writes an answer, and how much work a statement may be.
FORMAT = "JSONCompact"
LIMITS: dict[str, Any] = {
    "readonly": 2,
    "max_execution_time": 60,
    "max_memory_usage": 2 << 30,
    "max_result_rows": ROWS_MAX,
    "result_overflow_mode": "throw",
    "output_format_json_quote_64bit_integers": 0,
    "date_time_output_format": "iso",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows` hold what JSON has; times are ISO 8601."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


def read_answer(data: bytes) -> Answer:
    """An answer in FORMAT."""
    found = json.loads(data)
    columns = found["meta"]
    return Answer([c["name"] for c in columns], [c["type"] for c in columns], found["data"])
