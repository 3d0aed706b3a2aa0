"""The liveness probe sees a main loop that is stuck."""

import asyncio

import httpx
import pytest

from runtime.heartbeat import LIMIT_SECONDS, Heartbeat
from runtime.stage import Stage


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage(clock: Clock) -> Stage:
    return Stage("streams", heartbeat=Heartbeat(clock))


def health(stage: Stage) -> tuple[int, object]:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(stage.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://stage") as client:
            return await client.get("/healthz")

    response = asyncio.run(ask())
    return response.status_code, response.json()


def test_a_loop_that_runs(stage: Stage, clock: Clock) -> None:
    for _ in range(10):
        stage.heartbeat.beat()
        clock.now += LIMIT_SECONDS
        assert health(stage) == (200, {"stage": "streams"})


def test_a_loop_that_is_stuck(stage: Stage, clock: Clock) -> None:
    stage.heartbeat.beat()
    clock.now += 45
    stuck = "the main loop has not run for 45 s"
    assert health(stage) == (503, {"stage": "streams", "stuck": stuck})
    stage.heartbeat.beat()
    assert health(stage)[0] == 200


def test_a_loop_that_has_not_begun_or_waits_on_purpose(stage: Stage, clock: Clock) -> None:
    clock.now += 1000
    assert health(stage)[0] == 200
    stage.heartbeat.beat()
    stage.heartbeat.rest()
    clock.now += 1000
    assert health(stage)[0] == 200
