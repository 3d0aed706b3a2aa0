"""`python -m local.kafka.make_image`: make the embedded Kafka's image (jvm_image), once.

Part of `make install`. Starts and stops a broker, whose JVM writes the classes it has loaded.
"""

import sys
import tempfile
import time
from pathlib import Path

from local.kafka import jars, jvm_image
from local.kafka.embedded import IMAGE_SECONDS, EmbeddedKafka, KafkaStartFailed
from local.kafka.jars import KafkaJarsUnavailable
from local.network import free_port


class ImageNotWritten(Exception):
    """The JVM wrote no image in its time."""


def make_image() -> None:
    """Make the image, and replace an older one.

    Raises ImageNotWritten, and what EmbeddedKafka.start raises.
    """
    path = jvm_image.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rollcall-kafka-image-") as folder:
        # In the same folder, so that the move is one step: a broker may start meanwhile.
        written = path.with_suffix(".new")
        broker = EmbeddedKafka(Path(folder), image_to_write=written)
        broker.start(free_port())
        broker.stop()
        if not written.exists():
            raise ImageNotWritten(f"Java wrote none within {IMAGE_SECONDS:.0f} s")
        written.replace(path)


def main() -> None:
    """Make the image unless there is one; a failure is only reported, a broker works without it."""
    if jvm_image.path().exists():
        return
    began = time.monotonic()
    sys.stderr.write(
        "fetching Kafka's jars and preparing its start...\n"
        if jars.missing()
        else "preparing Kafka's start...\n"
    )
    try:
        make_image()
    except (ImageNotWritten, KafkaStartFailed, KafkaJarsUnavailable) as error:
        reason = str(error).partition("\n")[0]
        sys.stderr.write(f"Kafka will start more slowly, without a class image: {reason}\n")
    else:
        sys.stderr.write(f"Kafka's class image made in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
