"""The section [forget]: the receipts of forgotten users, and how long the stages are waited for."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from runtime.settings import Duration, StageSettings


class ForgetSettings(StageSettings):
    """Of `rollcall forget`."""

    section: ClassVar[str] = "forget"

    key_file: Path = Field(
        Path(".rollcall/forget.key"),
        description="Key of the hash that stands for the user in receipts; made if missing.",
    )
    receipts: Path = Field(
        Path(".rollcall/forget-receipts.jsonl"), description="Where receipts are appended."
    )
    wait: Duration = Field(
        timedelta(seconds=60),
        gt=timedelta(0),
        description="How long each stage may take, in seconds; then the receipt is not complete.",
    )
