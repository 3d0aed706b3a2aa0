"""Golden examples: records of every topic, one file a kind, for documentation and tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.topic import Topic

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One record's value. `name` is the part of the file's name after the topic's."""

    name: str
    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.text)
        return value


def examples(topic: Topic) -> list[Example]:
    """The topic's examples, by name: `examples/TOPIC.NAME.json`."""
    prefix = f"{topic.name}."
    return [
        Example(path.name.removeprefix(prefix).removesuffix(".json"), path)
        for path in sorted(FOLDER.glob(f"{prefix}*.json"))
    ]
