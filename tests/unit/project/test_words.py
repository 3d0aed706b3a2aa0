"""The packages are written in the field's terms: events are reported and published, not told."""

import re

from tests.unit.project.test_links import PACKAGES, ROOT

_PRIVATE = re.compile(r"\b(?:told|tells?|says?|said)\b", re.IGNORECASE)
# Each remaining one is meant literally, or is a published value (schemas/fences.py).
MOST = 39


def test_private_words_stay_rare() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if _PRIVATE.search(line)
    ]
    assert len(found) <= MOST, "\n".join(found)
