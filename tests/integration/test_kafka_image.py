"""The embedded Kafka's image: brokers start from it, or without it where it does not fit."""

from pathlib import Path

import pytest

from local.kafka import EmbeddedKafka, jvm_image
from local.kafka.make_image import make_image
from local.network import free_port

pytestmark = pytest.mark.timeout(240)


def _mapped(folder: Path) -> set[str]:
    """The files a broker has mapped once it answers."""
    kafka = EmbeddedKafka(folder)
    kafka.start(free_port())
    try:
        maps = Path(f"/proc/{kafka.pid}/maps").read_text()
    finally:
        kafka.stop()
    return {line.split()[-1] for line in maps.splitlines()}


def test_broker_starts_from_the_image_or_without_one_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "share" / "kafka.aot"
    monkeypatch.setattr(jvm_image, "path", lambda: image)
    make_image()
    assert [file.name for file in image.parent.iterdir()] == [image.name]
    assert str(image) in _mapped(tmp_path / "with")
    image.write_bytes(b"of another Java" * 1000)
    assert str(image) not in _mapped(tmp_path / "unfit")
