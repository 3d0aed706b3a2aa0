"""The first failure of a worker's tasks: after it nothing is started or acknowledged."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from runtime import logs
from runtime.partition_counts import WrongPartitionCounts

log = logs.get(__name__)


class Failure:
    """`error` is the exception of the first task that failed. The worker must stop then."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    async def succeeds(self, partition: int, work: Awaitable[Any]) -> bool:
        """Await the work. Returns False if it raised, or if something had failed before."""
        if self.error is not None:
            if asyncio.iscoroutine(work):
                work.close()
            return False
        try:
            await work
        except WrongPartitionCounts as error:  # logged by the stage, which goes on
            self.error = error
            return False
        except Exception as error:
            log.critical("batch failed; the worker stops", partition=partition, exc_info=error)
            self.error = error
            return False
        return True
