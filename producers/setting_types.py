"""Types of the settings that every producer has."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

NodeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,64}$")]
# Whether to ask this host's kernel for the connection of each registration.
KernelMode = Literal["auto", "on", "off"]
CloseTimeout = Annotated[
    float,
    Field(gt=0, description="At SIGTERM: for Kafka, before the rest stays in the spool."),
]
