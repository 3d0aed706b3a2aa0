"""The peers: programs that do the same job on the same broker, each in its own process."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """A peer's job, which its process gets by environment variables."""

    bootstrap_servers: str
    input: str
    output: str
    group: str
    partitions: int
    # A new, empty folder for the peer's data.
    folder: str

    def environment(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "BENCHMARK_INPUT": self.input,
            "BENCHMARK_OUTPUT": self.output,
            "BENCHMARK_GROUP": self.group,
            "BENCHMARK_PARTITIONS": str(self.partitions),
            "BENCHMARK_FOLDER": self.folder,
        }

    @classmethod
    def given(cls) -> "Job":
        """The job in this process's environment."""
        return cls(
            bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            input=os.environ["BENCHMARK_INPUT"],
            output=os.environ["BENCHMARK_OUTPUT"],
            group=os.environ["BENCHMARK_GROUP"],
            partitions=int(os.environ["BENCHMARK_PARTITIONS"]),
            folder=os.environ["BENCHMARK_FOLDER"],
        )
