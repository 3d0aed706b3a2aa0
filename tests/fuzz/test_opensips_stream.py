"""The event stream: the same events wherever it is cut, in linear time and bounded room."""

from hypothesis import given
from hypothesis import strategies as st

from producers.opensips.framing import Broken, Framing
from producers.sip_proxy.event import ServerEvent
from tests.fuzz.hostile import cuts, fuzzed, mutated, pieces
from tests.fuzz.test_opensips_events import INSERT, JSON

_MAX = 16 * 1024


def _events(found: list[ServerEvent | Broken]) -> list[ServerEvent]:
    return [one for one in found if isinstance(one, ServerEvent)]


@fuzzed(200)
@given(st.lists(mutated(JSON), min_size=1, max_size=3), cuts)
def test_stream_gives_the_same_events_however_it_is_cut(
    messages: list[bytes], cut: list[int]
) -> None:
    data = b"".join(messages)
    whole = list(Framing(_MAX).feed(data))
    kept = sum(len(one.data) for one in whole if isinstance(one, Broken))
    assert kept <= len(data)
    for places_of_cuts in (cut, list(range(min(len(data), 600)))):
        framing, found = Framing(_MAX), []
        for piece in pieces(data, places_of_cuts):
            found += list(framing.feed(piece))
        assert _events(found) == _events(whole)


def test_endless_object_is_given_up_and_reading_resumes() -> None:
    framing, found = Framing(_MAX), list[ServerEvent | Broken]()
    for _ in range(1000):
        found += list(framing.feed(b'{"a":' * 20))
        assert framing._unfinished is None or framing._unfinished.size <= _MAX + 100
    assert {one.reason for one in found if isinstance(one, Broken)} == {"an object without end"}
    found = list(framing.feed(b'"}' + INSERT.replace(b": ", b":").replace(b", ", b",")))
    assert len(_events(found)) == 1


def test_bytes_of_an_object_are_scanned_once() -> None:
    """Decoding began anew at every read: a megabyte in pieces of ten bytes took minutes."""
    framing = Framing(2**21)
    begin = b'{"jsonrpc":"2.0","method":"E_X","params":{"a":"'
    assert list(framing.feed(begin)) == []
    for _ in range(2**20 // 10):
        assert list(framing.feed(b'\\"{}x{xx}x')) == []
    (event,) = _events(list(framing.feed(b'"}}')))
    assert event.name == "E_X"


def test_bytes_that_are_no_event_take_no_longer() -> None:
    for noise in (b"{x}", b"{}", b"1 ", b'{"jsonrpc":"2.0","method":"', b"{{", b'{"a":"\n'):
        framing = Framing(2**18)
        for _ in range(4):
            list(framing.feed(noise * (2**16 // len(noise))))
