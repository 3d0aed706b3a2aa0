"""rollcall.forget-commands: users of whom nothing is to be kept."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Aor, Identifier


@dataclass(config=RECORD, slots=True, kw_only=True)
class ForgetCommand:
    """Forget one user: the streams delete the session, and write a tombstone of its presence.

    A user who registers afterwards is a new one, with versions from 1 on.
    """

    id: Annotated[Identifier, Field(description="Of the receipt.")]
    aor: Aor
    at: Annotated[datetime, Field(description="When it was asked for, by the asker's clock.")]
