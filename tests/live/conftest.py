"""The broker of the integration tests."""

from tests.integration.conftest import broker, kafka

__all__ = ["broker", "kafka"]
