"""Several recordings on one clock: their pieces keep the recorded order."""

import threading

import pytest

from local.replay.conductor import Conductor


@pytest.mark.parametrize("speed", [None, 20.0])
def test_several_recordings_keep_their_order(speed: float | None) -> None:
    conductor = Conductor(speed)
    base = 1_795_500_000_000_000
    times = {"a": [0, 300, 310, 900], "b": [100, 305, 800], "c": [50]}
    parts = {
        name: conductor.join([base + at * 1000 for at in each]) for name, each in times.items()
    }
    played: list[int] = []

    def play(name: str) -> None:
        assert parts[name].begin()
        for index, at in enumerate(times[name]):
            assert parts[name].wait_for(index)
            played.append(at)
            parts[name].sent(index)

    threads = [threading.Thread(target=play, args=(name,)) for name in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert played == sorted(played)
    assert len(played) == 8


def test_unpaced_another_source_waits_until_processed() -> None:
    processed: list[str] = []
    conductor = Conductor(None, lambda: "first" in processed)
    first, second = conductor.join([1]), conductor.join([2])
    first.begun = True
    done = threading.Event()

    def play() -> None:
        second.begin()
        second.wait_for(0)
        done.set()

    thread = threading.Thread(target=play)
    thread.start()
    first.begin()
    assert first.wait_for(0)
    first.sent(0)
    assert not done.wait(0.1)
    processed.append("first")
    assert done.wait(10)
    thread.join()


def test_stopped_part_does_not_delay_others() -> None:
    conductor = Conductor(None)
    gone, other = conductor.join([1]), conductor.join([2])
    gone.stop()
    assert other.begin()
    assert other.wait_for(0)
    assert not gone.begin()
