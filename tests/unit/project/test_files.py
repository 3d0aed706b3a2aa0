"""What a maintainer expects of the project's own files: licence, wheel, glossary, decisions."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
# Of https://www.apache.org/licenses/LICENSE-2.0.txt.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_licence_is_the_text_of_apache_2() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_wheel_declares_and_contains_the_licence() -> None:
    project = pyproject()["project"]
    assert project["license"] == "Apache-2.0"
    for name in ("LICENSE", "NOTICE"):
        assert name in project["license-files"]
        assert (ROOT / name).is_file()


@pytest.mark.parametrize(
    "package", pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
)
def test_package_in_the_wheel_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


TERMS = (
    "at risk",
    "call record",
    "cookie",
    "edge",
    "evidence",
    "fence",
    "grace",
    "incarnation",
    "lease",
    "snapshot",
    "stale",
    "suspect",
    "sweep",
    "tombstone",
)
DECISIONS = ROOT / "docs" / "decisions"


def test_glossary_defines_each_term_once_in_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE)) == TERMS


def test_index_names_each_decision() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\((\1-[\w-]+\.md)\)", index, re.MULTILINE)
    assert [name for _, name in listed] == sorted(p.name for p in DECISIONS.glob("0*.md"))


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("0*.md")), ids=lambda page: page.stem)
def test_decision_has_every_part(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(
        rf"# {page.name[:4]}: .+\n\n(Accepted|Superseded by .+), \d{{4}}-\d\d-\d\d\.", text
    )
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]


def test_changelog_is_cut_at_the_version_of_the_package() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^## (.+)$", text, re.MULTILINE)[:2]
    assert first == "Unreleased"
    version = pyproject()["project"]["version"]
    assert re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", second)
