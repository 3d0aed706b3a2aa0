"""A real mod_verto: clients that log in over a WebSocket and never REGISTER."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from producers.freeswitch.client import event_socket
from schemas.vocabulary import Cause, ContactForm, Status, Transport
from tests.freeswitch_beside import Beside
from tests.integration.sip_client import DOMAIN
from tests.live.freeswitch_server import FreeSwitchServer
from tests.live.verto_client import VertoClient

USERS = ("one", "two", "again", "wrong", "bare", "before", "called", "caller")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeSwitchServer]:
    running = FreeSwitchServer(tmp_path_factory.mktemp("freeswitch"), USERS, verto=True)
    yield running
    running.stop()


@pytest.fixture
def port(server: FreeSwitchServer) -> int:
    assert server.verto_port is not None
    return server.verto_port


def _beside(server: FreeSwitchServer) -> Beside:
    return Beside(server.event_socket, kernel="auto")


@pytest.fixture
def beside(server: FreeSwitchServer) -> Iterator[Beside]:
    with _beside(server) as running:
        running.when(lambda: running.intake.switch.announced, "the switch")
        running.after(timedelta(seconds=0.3))
        yield running


def _count(beside: Beside, user: str, number: int) -> None:
    beside.when(lambda: len(beside.contacts(user)) == number, f"{number} bindings of {user}")


def test_a_login_and_each_end(beside: Beside, port: int) -> None:
    first, second = VertoClient(port, "one"), VertoClient(port, "one")
    assert "result" in first.log_in()
    _count(beside, "one", 1)
    state = beside.presence("one")
    assert state is not None
    (binding,) = state.bindings
    assert (state.cause, state.aor) == (Cause.REGISTERED, f"sip:one@{DOMAIN}")
    assert (binding.contact, binding.contact_form) == (
        f"verto.rtc/one@{DOMAIN}",
        ContactForm.NOT_SIP,
    )
    assert binding.transport is Transport.WS
    assert binding.remote is not None
    assert (binding.remote.ip, binding.remote.port) == first.address
    assert "result" in second.log_in()
    _count(beside, "one", 2)
    first.close()
    _count(beside, "one", 1)
    second.kill()
    _count(beside, "one", 0)
    state = beside.presence("one")
    assert state is not None
    assert (state.status, state.cause) == (Status.OFFLINE, Cause.CONNECTION_CLOSED)


def test_a_session_that_comes_back_over_another_connection(beside: Beside, port: int) -> None:
    """The switch drops the older connection, whose end must not end the session."""
    first = VertoClient(port, "again")
    first.log_in()
    _count(beside, "again", 1)
    second = VertoClient(port, "again", session_id=first.session_id)
    with closing(second):
        second.log_in()
        beside.after(timedelta(seconds=1.5))
        state = beside.presence("again")
        assert state is not None
        assert [b.remote.port for b in state.bindings if b.remote] == [second.address[1]]
        assert all(p.reachable for p in beside.pipeline.published if "again@" in p.aor)
        first.close()
    _count(beside, "again", 0)


def test_a_verto_login_with_a_wrong_password_shows_no_user(beside: Beside, port: int) -> None:
    with closing(VertoClient(port, "wrong")) as client:
        assert "error" in client.log_in("no")
        beside.after(timedelta(seconds=0.5))
        assert beside.presence("wrong") is None
    beside.after(timedelta(seconds=0.3))
    assert beside.collector.dead_letters == []


@pytest.mark.parametrize("login", ["bare", f"bare@other.{DOMAIN}"])
def test_the_profile_forces_a_domain(beside: Beside, port: int, login: str) -> None:
    """The listing names the user that the switch made of the login."""
    with closing(VertoClient(port, "bare")) as client:
        client.login = login
        assert "result" in client.log_in()
        beside.when(lambda: _reachable(beside) == {f"sip:bare@{DOMAIN}"}, "the user")
        beside.after(timedelta(seconds=0.5))
        assert _reachable(beside) == {f"sip:bare@{DOMAIN}"}
    beside.when(lambda: not _reachable(beside), "the end")


def _reachable(beside: Beside) -> set[str]:
    newest = {p.aor: p.reachable for p in beside.pipeline.published}
    return {aor for aor, reachable in newest.items() if reachable}


def test_who_was_there_before_is_listed(server: FreeSwitchServer, port: int) -> None:
    client = VertoClient(port, "before")
    client.log_in()
    with _beside(server) as beside:
        _count(beside, "before", 1)
        state = beside.presence("before")
        assert state is not None
        assert state.cause is Cause.FOUND_IN_SNAPSHOT
        client.close()
        _count(beside, "before", 0)


def test_a_call_to_a_client(beside: Beside, port: int) -> None:
    with closing(VertoClient(port, "called")) as client:
        client.log_in()
        _count(beside, "called", 1)
        socket = event_socket(beside.settings, lambda _: None)
        socket.connect()
        variables = f"presence_id=called@{DOMAIN},dialed_user=called,dialed_domain={DOMAIN}"
        contact = socket.api(f"verto_contact called@{DOMAIN}").strip()
        socket.send(f"bgapi originate {{{variables}}}{contact} &park")

        def status() -> Status | None:
            state = beside.presence("called")
            return state.status if state else None

        beside.when(lambda: status() is Status.RINGING, "ringing")
        socket.api("hupall")
        beside.when(lambda: status() is Status.ONLINE, "the end of the call")
        socket.stop()
