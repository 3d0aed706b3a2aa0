"""The commands, stages, settings, variables and metrics that the docs name exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

from cli.command import app
from cli.run import MODULES
from runtime.unknown_settings import SECTIONS
from schemas.ddl.fields import TOPICS, table_name
from tests.unit.project.test_links import PACKAGES, PAGES, ROOT, ids

_CODE = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:\$ |.*/)?rollcall ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)
_SETTING = re.compile(rf"^({'|'.join(SECTIONS)})\.([a-z_]+)\b(?!\.)")
# Of a section: the script of docs/kamailio.md has routes with such names, too.
_VARIABLE = re.compile(rf"\bROLLCALL_(?:{'|'.join(SECTIONS).upper()})_[A-Z_]*")
_METRIC = re.compile(r"\brollcall_[a-z_]+\b")
# A word that follows a section's name and a dot without being a setting.
_ENDINGS = {"conf", "md", "py", "rollcall", "service", "sql", "toml"}
# Their figures have names that look like metrics.
FIGURES = (ROOT / "docs" / "performance.md", ROOT / "benchmarks" / "README.md")
# Stands for a setting's name.
_ANY = "NAME"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_and_stages_exist(page: Path) -> None:
    group = typer.main.get_command(app)
    known = set(getattr(group, "commands", {}))
    assert known
    for code in code_of(page):
        for command, word in _COMMAND.findall(code):
            assert command in known, code
            if command == "run" and word:
                assert word in MODULES, code


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_settings_exist(page: Path) -> None:
    for code in code_of(page):
        found = _SETTING.match(code)
        if found is not None and found[2] not in _ENDINGS:
            assert found[2] in settings()[found[1]] or is_module(found[0]), code


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_variables_exist(page: Path) -> None:
    known = {
        f"ROLLCALL_{section.upper()}_{field.upper()}"
        for section, fields in settings().items()
        for field in ("", _ANY, *fields)
    }
    for variable in _VARIABLE.findall(page.read_text(encoding="utf-8")):
        assert variable in known, variable


@pytest.mark.parametrize("page", [one for one in PAGES if one not in FIGURES], ids=ids)
def test_metrics_exist(page: Path) -> None:
    source = (ROOT / "runtime" / "metrics.py").read_text(encoding="utf-8")
    declared = set(re.findall(r'"(rollcall_\w+)"', source))
    tables = {table_name(topic) for topic in TOPICS}  # of schemas/sql
    for metric in _METRIC.findall(page.read_text(encoding="utf-8")):
        if metric not in tables:
            assert metric.removesuffix("_total") in declared, metric


def code_of(page: Path) -> Iterator[str]:
    """Code spans, and fenced blocks."""
    for block, span in _CODE.findall(page.read_text(encoding="utf-8")):
        yield block or span


def is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").is_file()


@cache
def settings() -> dict[str, set[str]]:
    """Section → fields, of every StageSettings."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            if 'section: ClassVar[str] = "' in text:
                found |= dict(sections_in(ast.parse(text)))
    assert set(found) == set(SECTIONS)
    return found


def sections_in(module: ast.Module) -> Iterator[tuple[str, set[str]]]:
    for node in module.body:
        if not isinstance(node, ast.ClassDef):
            continue
        fields = {
            one.target.id: one.value
            for one in node.body
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        }
        if isinstance(name := fields.pop("section", None), ast.Constant):
            yield str(name.value), set(fields)
