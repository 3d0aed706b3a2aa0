"""stubs/ declares only what the installed packages have: an upgrade that loses a name is seen."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

STUBS = Path(__file__).parents[3] / "stubs"


def _declared(stub: Path) -> Iterator[tuple[str, str | None]]:
    """(class or function, member or None) of a stub. Attributes of instances are left out."""
    for statement in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef):
            yield statement.name, None
        elif isinstance(statement, ast.ClassDef):
            yield statement.name, None
            for member in statement.body:
                if isinstance(member, ast.FunctionDef):
                    yield statement.name, member.name
                elif isinstance(member, ast.AnnAssign) and "ClassVar" in ast.dump(member):
                    yield statement.name, ast.unparse(member.target)


@pytest.mark.parametrize("stub", sorted(STUBS.rglob("*.pyi")), ids=lambda p: p.parent.name)
def test_the_package_has_every_declared_name(stub: Path) -> None:
    package = importlib.import_module(".".join(stub.parent.relative_to(STUBS).parts))
    declared = list(_declared(stub))
    assert declared
    for name, member in declared:
        assert hasattr(package, name), name
        assert member is None or hasattr(getattr(package, name), member), f"{name}.{member}"
