"""What a Path names: the edge, the client's address, and the transport between them."""

import pytest

from schemas import path


@pytest.mark.parametrize(
    ("stored", "over"),
    [
        ("<sip:192.0.2.9;lr;received=sip:10.0.0.7:5061%3Btransport%3Dtls>", "tls"),
        # As FreeSWITCH 1.10.12 keeps OpenSIPS 3.6.8's.
        ("<sip:192.0.2.9:5060;transport=tcp;lr;received=sip:10.0.0.7:5061;transport=TCP>", "tcp"),
        ("<sip:192.0.2.9:5060;transport=tcp;lr;received=sip:10.0.0.7:5061>", "udp"),
        ("<sip:192.0.2.1;lr;received=sip:192.0.2.9:5060>,<sip:192.0.2.9;transport=ws;lr>", None),
    ],
)
def test_the_transport_between_client_and_edge(stored: str, over: str | None) -> None:
    assert path.received_transport(stored) == over


def test_whom_a_path_names() -> None:
    both = "<sip:192.0.2.1:5060;lr>,<sip:Edge.example.test;lr>"
    assert path.is_named(both, {"edge.example.test"})
    assert path.is_named(both, {"edge.example.test:5060"})
    assert not path.is_named(both, {"192.0.2.1:5060", "edge.example.test:5061"})
    assert path.is_named("<sip:[2001:db8::1]:5070;lr>", {"[2001:db8::1]:5070"})
    assert not path.is_named("<nonsense>", {"nonsense"})
