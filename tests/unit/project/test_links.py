"""What docs and comments name exists: linked files and headings, paths, modules and their names."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from calls.settings import CallsSettings
from dialling.settings import DiallingSettings
from runtime.settings import StageSettings
from streams.settings import StreamsSettings

ROOT = Path(__file__).parents[3]
PACKAGES = (
    *("schemas", "runtime", "producers", "streams", "calls", "sinks"),
    *("dialling", "local", "operate", "cli"),
)
CODE = (*PACKAGES, "benchmarks", "tests")
FOLDERS = (*CODE, "docs", "k8s", ".ci")
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
_SECTIONS: dict[str, type[StageSettings]] = {
    "streams": StreamsSettings,
    "calls": CallsSettings,
    "dialling": DiallingSettings,
}
# Old entries of the changelog name what is gone; its links must lead somewhere all the same.
LINKING = (*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "tests").rglob("README.md")))

# A path below one of the folders, from the root; `docs/NAME.md` and `k8s/…` are no paths.
_PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*[\w/]")
_PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b(?!\.md)|\bN{4}\b|/NAME\b")
# `streams.folds.ordering.MAX_TOMBSTONES`, and what follows `python -m`.
_MODULE = re.compile(rf"(?:`|python -m )((?:{'|'.join(CODE)})\.[A-Za-z_][\w.]*\w)(?=[`\s])")
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", LINKING, ids=ids)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not heading or heading in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_paths_named_in_a_page_exist(page: Path) -> None:
    assert list(missing_paths(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_modules_named_in_a_page_exist(page: Path) -> None:
    named = set(_MODULE.findall(page.read_text(encoding="utf-8")))
    assert sorted(name for name in named if not exists(name)) == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_tests_named_in_a_page_exist(page: Path) -> None:
    for file, test in _TEST.findall(page.read_text(encoding="utf-8")):
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_paths_named_in_comments_and_docstrings_exist() -> None:
    missing = {
        ids(file): paths
        for folder in CODE
        for file in sorted((ROOT / folder).rglob("*.py"))
        if file != Path(__file__).resolve()
        and (paths := list(missing_paths(file.read_text(encoding="utf-8"), ending=".py")))
    }
    assert missing == {}


def prose(page: Path) -> str:
    """The page without its fenced code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings)


def missing_paths(text: str, *, ending: str = "") -> Iterator[str]:
    """The paths in `text` that lead nowhere; only those that end so, where `ending` is given."""
    for path in sorted(set(_PATH.findall(text))):
        if not path.endswith(ending) or _PLACEHOLDER.search(path):
            continue
        if not (ROOT / path).exists():
            yield path


def exists(name: str) -> bool:
    """Whether a dotted name is a package, a module, a name in one, or a setting of a section that
    has a package's name."""
    first, _, rest = name.partition(".")
    if first in _SECTIONS and rest in _SECTIONS[first].model_fields:
        return True
    place, parts = ROOT / first, rest.split(".")
    while parts and (place / parts[0]).is_dir():
        place = place / parts.pop(0)
    if not parts:
        return True
    module = place / f"{parts.pop(0)}.py"
    return module.is_file() and (not parts or parts[0] in names_in(module))


@cache
def names_in(module: Path) -> frozenset[str]:
    """What the module's top level defines or imports."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return frozenset(found)
