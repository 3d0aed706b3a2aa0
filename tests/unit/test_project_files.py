"""What a maintainer expects of the project's own files: licence, wheel, glossary, decisions."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Of https://www.apache.org/licenses/LICENSE-2.0.txt.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_licence_is_apache_2_word_for_word() -> None:
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
