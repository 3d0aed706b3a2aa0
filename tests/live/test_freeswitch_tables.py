"""A real FreeSWITCH's own tables against presence: each `multiple-registrations`, known and asked
for, and profiles that share a table. No listing of everyone is made while a test runs."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Literal

import pytest

from producers.freeswitch.client import event_socket
from producers.freeswitch.listing import RegistrationRow, read_registrations, user_command
from schemas.sip_uri import contact_uri
from tests.freeswitch_beside import Beside
from tests.integration.sip_client import DOMAIN, SipClient
from tests.live.freeswitch_server import FreeSwitchServer

Phones = Callable[..., SipClient]
Mode = Literal["off", "call-id", "contact"]
MODES: tuple[Mode, ...] = ("off", "call-id", "contact")
HOWS = ("ask", "set")
# After an event, what the table holds shows within this.
PROMPT = timedelta(seconds=1)
# So that two expiries differ, as the switch compares them; and for what must not change.
A_SECOND = timedelta(seconds=1.1)
_BEHAVIOURS = ("second", "reboots", "leaves", "star", "renews", "quick", "closes", "line1", "line2")
_USERS = [
    f"{behaviour}-{mode}-{how}" for behaviour in _BEHAVIOURS for mode in MODES for how in HOWS
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeSwitchServer]:
    profiles: dict[str, dict[str, str | int]] = {
        mode: {"multiple-registrations": "false" if mode == "off" else mode} for mode in MODES
    }
    profiles |= {name: {"dbname": "shared"} for name in ("shared-a", "shared-b")}
    profiles |= {name: {} for name in ("own-a", "own-b")}
    running = FreeSwitchServer(
        tmp_path_factory.mktemp("freeswitch"), [*_USERS, "shares", "shares-off", "moves"], profiles
    )
    yield running
    running.stop()


class Stage(Beside):
    """Beside the server, with the modes asked for, or all of them in the settings."""

    def __init__(self, server: FreeSwitchServer, how: str) -> None:
        modes = "ask" if how == "ask" else {mode: mode for mode in MODES}
        super().__init__(server.event_socket, multiple_registrations=modes)
        self.how, self.server = how, server

    def table(self, user: str) -> list[str]:
        """Contacts of the user in the switch's own tables, each once."""
        socket = event_socket(self.settings, lambda _: None)
        socket.connect()
        found = set()
        for profile in self.server.profile_ports:
            command = user_command(profile, user, DOMAIN)
            assert command is not None
            for row in read_registrations(socket.api(command)):
                assert isinstance(row, RegistrationRow)
                found.add(contact_uri(row.contact))
        socket.stop()
        return sorted(found)

    def agrees(self, user: str, *contacts: str) -> None:
        """Presence shows within PROMPT what the table holds, these, and goes on to."""
        self.after(timedelta(seconds=0.05))
        self.when(
            lambda: self.table(user) == sorted(contacts) == sorted(set(self.contacts(user))),
            f"{contacts} of {user}",
            timeout=PROMPT.total_seconds(),
        )
        self.after(A_SECOND)
        assert self.table(user) == sorted(contacts) == sorted(set(self.contacts(user)))


@pytest.fixture(params=HOWS)
def stage(request: pytest.FixtureRequest, server: FreeSwitchServer) -> Iterator[Stage]:
    running = Stage(server, request.param)
    with running:
        running.when(lambda: running.intake.switch.announced, "the switch")
        running.after(timedelta(seconds=0.5))  # its first listing
        yield running


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


@pytest.fixture
def phone() -> Iterator[Phones]:
    """Makes phones; they are closed with the test."""
    made: list[SipClient] = []

    def make(port: int, user: str, *, udp: bool = True) -> SipClient:
        made.append(SipClient(port, user, udp=udp))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_second_device(stage: Stage, mode: Mode, phone: Phones) -> None:
    user, port = f"second-{mode}-{stage.how}", stage.server.profile_ports[mode]
    desk, mobile = phone(port, user), phone(port, user)
    desk.register()
    mobile.register()
    both = {desk.contact, mobile.contact}
    stage.agrees(user, *({mobile.contact} if mode == "off" else both))
    desk.unregister()
    stage.agrees(user, *(() if mode == "off" else (mobile.contact,)))
    mobile.unregister()
    stage.agrees(user)


def test_a_restarted_phone_replaces_its_row(stage: Stage, mode: Mode, phone: Phones) -> None:
    """The same contact under a new Call-ID: with digest authentication the row is updated."""
    user, port = f"reboots-{mode}-{stage.how}", stage.server.profile_ports[mode]
    desk = phone(port, user)
    desk.register()
    first, desk.call_id = desk.call_id, f"new-{desk.call_id}"
    stage.after(A_SECOND)
    desk.register()
    stage.agrees(user, desk.contact)
    new, desk.call_id = desk.call_id, first
    desk.unregister()
    stage.agrees(user, *((desk.contact,) if mode == "call-id" else ()))
    desk.call_id = new
    desk.unregister()
    stage.agrees(user)


@pytest.mark.parametrize("gap", [A_SECOND, timedelta(0)])
def test_a_phone_on_another_port(stage: Stage, mode: Mode, phone: Phones, gap: timedelta) -> None:
    """The same Call-ID and another contact. With call-id, two of one second are both left."""
    user = f"{'renews' if gap else 'quick'}-{mode}-{stage.how}"
    port = stage.server.profile_ports[mode]
    old, new = phone(port, user), phone(port, user)
    new.succeed(old)
    old.register()
    stage.after(gap)
    new.register()
    if gap:
        both = (old.contact, new.contact) if mode == "contact" else (new.contact,)
        stage.agrees(user, *both)
    else:
        stage.after(A_SECOND)
        stage.agrees(user, *stage.table(user))
    new.unregister()
    stage.agrees(user, *((old.contact,) if mode == "contact" else ()))


def test_contact_star_unregisters_all(stage: Stage, mode: Mode, phone: Phones) -> None:
    user, port = f"star-{mode}-{stage.how}", stage.server.profile_ports[mode]
    desk, mobile = phone(port, user), phone(port, user)
    desk.register()
    mobile.register()
    contact, mobile.contact = mobile.contact, "*"
    mobile.unregister()
    left = {"off": [], "call-id": [desk.contact], "contact": [desk.contact, contact]}[mode]
    stage.agrees(user, *left)


def test_a_closed_connection(stage: Stage, mode: Mode, phone: Phones) -> None:
    user, port = f"closes-{mode}-{stage.how}", stage.server.profile_ports[mode]
    desk, mobile = phone(port, user, udp=False), phone(port, user, udp=False)
    desk.register()
    mobile.register()
    both = {desk.contact, mobile.contact}
    stage.agrees(user, *({mobile.contact} if mode == "off" else both))
    mobile.close()
    stage.agrees(user, *(() if mode == "off" else (desk.contact,)))


def test_two_lines_of_one_phone(stage: Stage, mode: Mode, phone: Phones) -> None:
    """Two users under one Call-ID (RFC 3261 §10.2): with call-id the second replaces the first."""
    one, two = (f"line{n}-{mode}-{stage.how}" for n in (1, 2))
    port = stage.server.profile_ports[mode]
    first, second = phone(port, one), phone(port, two)
    second.succeed(first)
    first.register()
    stage.after(A_SECOND)
    second.register()
    stage.agrees(two, second.contact)
    stage.agrees(one, *(() if mode == "call-id" else (first.contact,)))
    second.unregister()
    stage.agrees(two)


def test_a_phone_moves_between_profiles_of_one_table(stage: Stage, phone: Phones) -> None:
    """The row keeps the first profile's name, where the second one updates it."""
    ports = stage.server.profile_ports
    first, second = phone(ports["shared-a"], "shares"), phone(ports["shared-b"], "shares")
    second.succeed(first)
    second.contact = first.contact
    first.register()
    stage.agrees("shares", first.contact)
    second.register()
    stage.agrees("shares", first.contact)
    stage.connection._listings.ask()
    stage.after(timedelta(seconds=5))
    stage.agrees("shares", first.contact)
    states = {p.reachable for p in stage.pipeline.published if "shares@" in p.aor}
    assert states == {True}
    second.unregister()
    stage.agrees("shares")


def test_a_phone_moves_between_profiles_of_two_tables(stage: Stage, phone: Phones) -> None:
    """What is left at the first profile expires there, and ends nothing."""
    ports = stage.server.profile_ports
    first, second = phone(ports["own-a"], "moves"), phone(ports["own-b"], "moves")
    second.contact = first.contact
    first.register()
    stage.after(A_SECOND * 6)
    second.register()
    stage.agrees("moves", first.contact)
    first.unregister()
    stage.agrees("moves", first.contact)
    second.unregister()
    stage.agrees("moves")
