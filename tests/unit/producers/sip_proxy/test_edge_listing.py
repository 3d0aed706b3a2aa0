"""A proxy without usrloc lists its clients' connections, and is queried for contacts once."""

import socket
from typing import Any

import pytest

from producers.kamailio.lister import Lister as KamailioLister
from producers.opensips.kernel import KernelWitness
from producers.opensips.lister import Lister
from producers.sip_proxy import edge_listing
from producers.sip_proxy.errors import MiRefused, MiUnknown, refusal
from producers.sip_proxy.mi_commands import KnownCommands
from producers.sockets.live_connections import LiveConnections
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind
from tests.unit import kamailio_capture
from tests.unit.opensips_capture import Play

PHONE, OTHER = ("192.0.2.7", 40000), ("192.0.2.8", 40001)


class Proxy:
    """The management interface of a proxy: it knows the commands it has answers for."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("__", "."): value for name, value in answers.items()}
        self.calls: list[str] = []

    def call(self, command: str, parameters: Any = None) -> Any:
        del parameters
        self.calls.append(command)
        if command not in self.answers:
            raise refusal(f"{command}: Method not found")
        return self.answers[command]


def row(remote: str, local: str) -> dict[str, Any]:
    return {"ID": 1, "Type": "tcp", "State": 0, "Remote": remote, "Local": local}


def listings(play: Any) -> list[RegistrationEvent]:
    kind = RegistrationKind.CONNECTIONS_LISTED
    return [event for event in play.events(REGISTRATIONS) if event.kind is kind]


def peers(event: RegistrationEvent) -> dict[tuple[str, int], int | None]:
    return {(c.remote.ip, c.remote.port): c.cookie for c in event.connections or ()}


class TestOpenSips:
    def test_connections_are_listed_and_contacts_are_tried_once(self) -> None:
        play = Play()
        ends = [row("192.0.2.7:40000", "192.0.2.9:5060"), row("2001:db8::7:40002", "::1:5060")]
        proxy = Proxy(list_tcp_conns={"Connections": ends})
        lister = Lister(proxy, play.intake)
        for _ in range(3):
            assert lister.list_contacts()
            lister.list_calls()
        assert [proxy.calls.count(name) for name in ("ul_dump", "dlg_list")] == [1, 1]
        first = listings(play)[0]
        assert len(listings(play)) == 3
        assert peers(first) == {PHONE: None, ("2001:db8::7", 40002): None}
        assert (first.registrar, first.part, first.parts) == ("edge", 0, 1)

    def test_contacts_are_tried_again_with_another_process(self) -> None:
        play = Play()
        proxy = Proxy(list_tcp_conns={"Connections": []})
        lister = Lister(proxy, play.intake)
        lister.list_contacts()
        play.context.boot = "run-1.1"
        lister.list_contacts()
        assert proxy.calls.count("ul_dump") == 2

    def test_nothing_is_published_without_a_list_of_connections(self) -> None:
        """Before 3.3."""
        play = Play()
        assert Lister(Proxy(), play.intake).list_contacts()
        assert listings(play) == []

    def test_kernel_gives_cookies_and_listening_ports(self) -> None:
        play = Play()
        play.context.path_hosts = ("Edge.example.test",)
        play.intake.kernel = KernelWitness("on", play.context)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as client:
                remote = client.getsockname()[1]
                ends = [row(f"127.0.0.1:{remote}", f"127.0.0.1:{port}")]
                dead = [row("127.0.0.1:1", f"127.0.0.1:{port}")]
                proxy = Proxy(list_tcp_conns={"Connections": ends + dead})
                Lister(proxy, play.intake).list_contacts()
        play.intake.kernel.close()
        (event,) = listings(play)
        assert list(peers(event)) == [("127.0.0.1", remote)]
        assert peers(event)["127.0.0.1", remote] is not None
        assert event.hosts == [f"127.0.0.1:{port}", "edge.example.test"]
        assert play.context.ports == {port}


class TestKamailio:
    def test_connections_are_listed_and_contacts_are_tried_once(self) -> None:
        play = kamailio_capture.Play()
        ends = [{"id": 1, "src_ip": "192.0.2.7", "src_port": 40000, "dst_port": 5060}]
        proxy = Proxy(core__tcp_list=ends)
        lister = KamailioLister(proxy, play.intake)
        for _ in range(2):
            assert lister.list_contacts()
            lister.list_calls()
        assert [proxy.calls.count(name) for name in ("ul.dump", "dlg.list")] == [1, 1]
        assert peers(listings(play)[0]) == {PHONE: None}


class TestMerging:
    KERNEL = LiveConnections(frozenset({5060}), cookies={PHONE: 7})

    @pytest.mark.parametrize(
        ("ends", "kernel", "is_believed", "found"),
        [
            (None, None, False, None),
            (None, KERNEL, False, None),
            (None, KERNEL, True, {PHONE: 7}),
            ({PHONE: 5060}, None, False, {PHONE: None}),
            ({PHONE: 5060, OTHER: 5060}, KERNEL, True, {PHONE: 7}),
            # Another host's kernel, or a port that was not queried.
            ({PHONE: 5060, OTHER: 5060}, KERNEL, False, {PHONE: 7, OTHER: None}),
            ({PHONE: 5060, OTHER: 5061}, KERNEL, True, {PHONE: 7, OTHER: None}),
        ],
    )
    def test_merged_list(self, ends: Any, kernel: Any, is_believed: bool, found: Any) -> None:
        assert edge_listing.merge(ends, kernel, is_believed=is_believed) == found

    def test_large_listing_is_split_into_parts(self) -> None:
        play = Play()
        origin = play.context.origin(play.intake.ticks.now())
        many = dict.fromkeys((f"192.0.2.{n % 250}", n) for n in range(1, 16_003))
        events = edge_listing.records(origin, many, ["a"])
        assert [(event.part, event.parts) for event in events] == [(0, 3), (1, 3), (2, 3)]
        assert sum(len(event.connections or ()) for event in events) == 16_002
        assert len({event.id for event in events}) == 3
        assert {event.snapshot for event in events} == {origin["id"]}
        assert len(edge_listing.records(origin, {}, [])) == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ul_dump: Method not found", MiUnknown),
        ("ul.dump: HTTP 500 Method Not Found", MiUnknown),
        ("ul_dump: HTTP 404 Command not found", MiUnknown),
        ("ul_dump: 500 command 'ul_dump' not available", MiUnknown),
        ("ul_show_contact: AOR not found", MiRefused),
        ("ul_dump: 500 memory not available", MiRefused),
    ],
)
def test_error_texts_of_unknown_commands(text: str, kind: type) -> None:
    assert type(refusal(text)) is kind


def test_other_errors_are_tried_again() -> None:
    class Busy:
        calls = 0

        def call(self, command: str, parameters: Any = None) -> Any:
            self.calls += 1
            raise refusal(f"{command}: busy {parameters}")

    busy = Busy()
    commands = KnownCommands(busy, lambda: "boot")
    for _ in range(2):
        with pytest.raises(MiRefused):
            commands.call("ul_dump")
    assert busy.calls == 2
