"""Results of dialled calls, the last one of each key (pure). Bounded: the oldest is dropped."""

from collections import OrderedDict
from collections.abc import Callable


class DialledCalls:
    """Records as they are in Kafka, by key. Belongs to the event loop."""

    def __init__(self, most: int, on_drop: Callable[[], None] = lambda: None) -> None:
        self._most, self._on_drop = most, on_drop
        self._values: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> bytes | None:
        return self._values.get(key)

    def put(self, key: str, value: bytes | None) -> None:
        """The newest result of a key; None: it is not remembered any more."""
        self._values.pop(key, None)
        if value is None:
            return
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)
            self._on_drop()
