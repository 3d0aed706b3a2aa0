"""Every recorded capture of an edge before a registrar, against what its clients really did.

The client's connection ends at the edge; the registrar reports nothing, or another cause, or an
hour later. The truth (`*.truth.jsonl`, `*.notes.md`) is written out here as what a subscriber must
see: each change of status once, with its cause. Which of one REGISTER's two bindings is published
first is chance, and shows as a second "online" that names the node to send to.
"""

from itertools import groupby

import pytest

from tests.unit.edge_capture import EdgePlay
from tests.unit.opensips_capture import EDGES

ON, OFF, LOST = "online registered", "offline unregistered", "offline connection-closed"
GONE = [ON, LOST]
LOST_TALKING = "on-the-phone connection-closed"
RING, TALK, DONE = "ringing call-ringing", "on-the-phone call-answered", "online call-ended"
CALLS = {
    # Two calls, the caller's connection ends after them; the callee's is reset in the second.
    "1010": [ON, RING, TALK, DONE, RING, TALK, DONE, LOST],
    "1011": [ON, RING, TALK, DONE, RING, TALK, LOST_TALKING, "offline call-ended"],
}
PROXY_CLOSES = {"1008": GONE, "1009": GONE}

EXPECTED: dict[str, dict[str, list[str]]] = {
    # A: a proxy without usrloc, Path, TCP to FreeSWITCH. AU: UDP to it. AN: no Path.
    "A_fin": {"1002": GONE},
    "A_kill9": {"1001": GONE},
    "A_kill9_expiry": {"1012": GONE},
    "A_register_refresh": {"1000": GONE},
    "A_unregister": {"1007": [ON, OFF]},
    "A_proxyclose": PROXY_CLOSES,
    "Aon_proxyclose": PROXY_CLOSES,
    "A_call": CALLS,
    "A_call_lost_udp": {"1010": GONE, "1011": [ON]},
    "AU_kill9": {"1001": GONE},
    "AU_register_refresh": {"1000": GONE},
    "AU_call": CALLS,
    "AN_kill9": {"1001": GONE},
    "AN_register_refresh": {"1000": GONE},
    "AN_call": {"1010": GONE, "1011": [ON]},
    # B0, B1: mid_registrar, which rewrites Contact; B1 throttles towards FreeSWITCH.
    "B0_fin": {"1002": GONE},
    "B0_kill9": {"1001": GONE},
    "B0_rst": {"1003": GONE},
    "B0_register_refresh": {"1000": GONE},
    "B0_unregister": {"1007": [ON, OFF]},
    "B0_two_users": {"1005": GONE, "1006": [ON, OFF]},
    "B0_kill9_edge_expiry": {"1015": GONE, "1016": [ON, "offline expired"]},
    "B1_kill9": {"1001": GONE},
    "B1_rst": {"1003": GONE},
    "B1_register_refresh": {"1000": GONE},
    "B1_unregister": {"1007": [ON, OFF]},
    "B1_kill9_edge_expiry": {"1015": GONE, "1016": [ON, "offline expired"]},
    "B1_proxyclose": PROXY_CLOSES,
    "B1on_proxyclose": PROXY_CLOSES,
    "B1_call": CALLS,
    "B1t_call": CALLS,
    # Three connections one after the other and beside each other: online until the last is gone.
    "B1_reconnect": {"1004": [ON, "online connection-closed", LOST]},
    # The edge removes the contact when the connection ends, and unregisters it at FreeSWITCH.
    "B1rm_kill9_edge_expiry": {"1015": GONE, "1016": [ON, "offline expired"]},
    "B1rm_kill9_removed": {"1013": GONE, "1014": GONE},
    "B1rmblind_kill9_removed": {"1013": GONE, "1014": GONE},
}
# How much later than recorded a source's events come, in seconds.
LATE: dict[str, dict[str, float]] = {
    "as recorded": {},
    "freeswitch 30 ms late": {"freeswitch": 0.03},
    "freeswitch 2 s late": {"freeswitch": 2.0},
    "kernel 30 ms late": {"sockets": 0.03},
    "kernel 2 s late": {"sockets": 2.0},
    "opensips 5 ms late": {"opensips": 0.005},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_capture_gives_the_expected_presence(name: str) -> None:
    played = EdgePlay(name)
    seen = {presence.aor for presence in played.play.pipeline.published}
    assert {aor[4:].partition("@")[0] for aor in seen} == set(EXPECTED[name])
    for user, changes in EXPECTED[name].items():
        assert _each_once(played.changes(user)) == changes
    assert not played.play.pipeline.dead_letters
    assert not played.play.collector.dead_letters


def test_every_capture_is_tested() -> None:
    assert {path.name.removesuffix(".datagram") for path in EDGES.glob("*.datagram")} == set(
        EXPECTED
    )


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
@pytest.mark.parametrize("name", EXPECTED)
def test_final_state_is_right_whichever_source_is_late(name: str, late: dict[str, float]) -> None:
    """Who is reachable at the end, and why the others are not."""
    played = EdgePlay(name, late)
    for user, changes in EXPECTED[name].items():
        last = [p for p in played.play.pipeline.published if p.aor.startswith(f"sip:{user}@")][-1]
        assert last.status == changes[-1].split()[0]
        if not last.reachable and not name.endswith("_call"):
            assert f"{last.status} {last.cause}" == changes[-1]


def test_binding_names_the_registrar_and_the_edge() -> None:
    published = EdgePlay("A_kill9").play.pipeline.published
    (shown,) = published[1].bindings
    assert (shown.node, shown.edge) == ("vm", "edge")
    assert shown.remote is not None
    assert shown.remote.port == 46067  # the client's, not the proxy's
    assert shown.path is not None
    assert shown.path.startswith("<sip:127.0.0.1:5070;transport=tcp;lr")


def _each_once(changes: list[str]) -> list[str]:
    return [change for change, _ in groupby(changes)]
