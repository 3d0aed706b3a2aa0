"""docs/architecture.md is true about the code: the ten steps' functions, and the layers."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\| (\d+) \| \[`([\w/]+\.py)`\]\(\.\./\2\) \| `(\w+)(?:\.(\w+))?` \|", re.M)
# Where a step may stand, from top to bottom.
WAY = (
    "producers/freeswitch/",
    "producers/",
    "streams/faust_adapter/",
    "streams/flow/",
    "streams/batches/",
    "streams/folds/",
    "streams/flow/",
    "sinks/",
)


def test_ten_steps_lead_through_ten_functions_from_top_to_bottom() -> None:
    steps = STEP.findall(TEXT)
    assert [int(number) for number, *_ in steps] == list(range(1, 11))
    assert len({file for _, file, *_ in steps}) == 10
    place = 0
    for _, file, name, method in steps:
        while not file.startswith(WAY[place]):
            place += 1
        body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        assert defines(body, name, method), (file, name, method)


def defines(body: list[ast.stmt], name: str, method: str) -> bool:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return not method
        if isinstance(node, ast.ClassDef) and node.name == name:
            return not method or defines(node.body, method, "")
    return False


def test_layers_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    checked = {
        tuple(contract.get("containers", ())): " > ".join(contract["layers"])
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }
    for layers in checked.values():
        assert f"    {layers}\n" in TEXT
    assert checked[()] in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
