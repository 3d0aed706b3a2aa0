"""The streams stay in small pieces (docs/decisions/0014): modules and functions have a bound."""

import ast
import statistics
from pathlib import Path

from tests.unit.project.test_links import ROOT

LONGEST_MODULE = 230
LONGEST_FUNCTION = 45
MEDIAN_FUNCTION = 8
MODULES = sorted((ROOT / "streams").rglob("*.py"))


def _lengths(module: Path) -> list[tuple[int, str]]:
    found = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    return [
        (1 + (node.end_lineno or node.lineno) - node.lineno, f"{module.name}:{node.name}")
        for node in found
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_modules_are_short() -> None:
    lines = {module: len(module.read_text(encoding="utf-8").splitlines()) for module in MODULES}
    assert {m.name: n for m, n in lines.items() if n > LONGEST_MODULE} == {}


def test_functions_are_short() -> None:
    functions = [function for module in MODULES for function in _lengths(module)]
    assert [one for one in functions if one[0] > LONGEST_FUNCTION] == []
    assert statistics.median(length for length, _ in functions) <= MEDIAN_FUNCTION
