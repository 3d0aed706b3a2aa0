"""Which behaviour a subscriber must have: it runs against gateways that fail in every way.

A client under test is a command. It gets the gateway's URL and a query as its last arguments,
subscribes at `URL/presence`, and prints each change as a line of JSON, `{"aor": …, "record": …}`,
where `record` is null when there is none any more. It reads its token from the file that
ROLLCALL_TOKEN_FILE names, anew for each connection, and gives a silent connection up after
ROLLCALL_IDLE_SECONDS.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from clients.conformance.client_run import Client, Run
from clients.conformance.report import Check, Failed
from clients.conformance.server import Connection, Script, ScriptedGateway

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@one.test"


Part = Callable[[Connection], Awaitable[None]]
Scenario = tuple[str, Script, Callable[[Run], None]]


async def quiet(connection: Connection) -> None:
    """Resumes, sends signs of life, and nothing else."""
    await connection.open()
    await connection.live(connection.asked.cursor or "c0", resumed=bool(connection.asked.cursor))
    while True:
        await connection.text(": keep-alive\n\n")
        await asyncio.sleep(0.2)


async def first(connection: Connection) -> None:
    """State, a change and its cursor, and a change that no cursor covers; then it is cut."""
    await connection.open()
    await connection.presence(ANN, 1)
    await connection.presence(BOB, 5)
    await connection.live("c1")
    await connection.presence(ANN, 2)
    await connection.cursor("c2")
    await connection.presence(BOB, 6)


async def resumed(connection: Connection) -> None:
    await connection.open()
    await connection.presence(BOB, 6)
    await connection.removed(ANN)
    await connection.presence(ANN, 1)
    await connection.live("c3", resumed=True)
    await connection.presence(BOB, 7)
    await connection.until_closed()


def check_resume(run: Run) -> None:
    run.expect((ANN, 1), (BOB, 5), (ANN, 2), (BOB, 6), (ANN, None), (ANN, 1), (BOB, 7))
    run.expect_cursors("", "c2")


async def whole(connection: Connection) -> None:
    await connection.open()
    await connection.presence(BOB, 4)
    await connection.presence(EVE, 1)
    await connection.live("c9")
    await connection.until_closed()


def check_whole(run: Run) -> None:
    found = ((ANN, 1), (BOB, 5), (ANN, 2), (BOB, 6), (ANN, None), (BOB, 4), (EVE, 1))
    run.expect(*found)


async def cut_before_live(connection: Connection) -> None:
    await connection.open()
    await connection.removed(ANN)
    await connection.presence(ANN, 1)
    await connection.cursor("wrong")


def check_cut_before_live(run: Run) -> None:
    run.wait(lambda: len(run.gateway.asked) >= 3, "a third connection")
    run.expect((ANN, 1), (BOB, 5), (ANN, 2), (BOB, 6), (ANN, None), (ANN, 1), (BOB, 7))


async def repeats(connection: Connection) -> None:
    await connection.open()
    await connection.live("c1", resumed=True)
    for version in (6, 5, 6, 7, 7):
        await connection.presence(BOB, version)
    await connection.until_closed()


def check_repeats(run: Run) -> None:
    run.expect((ANN, 1), (BOB, 5), (ANN, 2), (BOB, 6), (BOB, 7))


async def odd(connection: Connection) -> None:
    """Unknown events, fields and comments; lines and characters in pieces."""
    await connection.open()
    await connection.text(": a comment\nunknown: field\n\nevent: later\ndata: no JSON\n\n")
    record = json.dumps({"aor": ANN, "version": 1, "later": {"fü": [1]}}, ensure_ascii=False)
    event = f"event:presence\r\ndata: {record}\r\n\r\nid: c1\nevent: live\n".encode()
    for start in range(0, len(event), 7):
        await connection.text(event[start : start + 7])
    await connection.text('data: {"event":"live",\ndata: "resumed":false,"cursor":"c1"}\n\n')
    await connection.until_closed()


def check_odd(run: Run) -> None:
    run.expect((ANN, 1))


async def busy(connection: Connection) -> None:
    await connection.answer(503, {"error": "starting"}, "retry-after: 2")


def check_busy(run: Run) -> None:
    run.wait(lambda: len(run.gateway.asked) >= 2, "a second connection")
    if (waited := run.gateway.asked[1].at - run.gateway.asked[0].at) < 2:
        raise Failed(f"it came again after {waited:.2f} s, though Retry-After was 2")


def check_token(run: Run) -> None:
    run.wait(lambda: len(run.gateway.asked) >= 2, "a second connection")
    found = [asked.token for asked in run.gateway.asked[:2]]
    if found != ["old", "new"]:
        raise Failed(f"came with tokens {found}")
    if "access_token" in str(run.gateway.asked[0].query):
        raise Failed("sent the token in the query")


async def bad_cursor(connection: Connection) -> None:
    await connection.answer(400, {"error": "no cursor", "field": "cursor"})


def check_bad_cursor(run: Run) -> None:
    run.expect_cursors("", "c2", "")


async def forbidden(connection: Connection) -> None:
    await connection.answer(403, {"error": "outside", "field": "domain"})


def check_forbidden(run: Run) -> None:
    run.wait(lambda: run.client.process.poll() is not None, "it ends")
    if run.client.process.returncode == 0 or len(run.gateway.asked) != 1:
        raise Failed("it must end with an error, and not ask again")


async def garbage(connection: Connection) -> None:
    await connection.raw(b"\x00\xff no HTTP at all\r\n\r\n")


async def no_json(connection: Connection) -> None:
    await connection.open()
    await connection.text("event: presence\ndata: {\n\n")
    await connection.until_closed()


async def empty(_connection: Connection) -> None:
    return


def check_comes_back(run: Run) -> None:
    run.expect((ANN, 1), (BOB, 5), (ANN, 2), (BOB, 6))
    run.wait(lambda: len(run.gateway.asked) >= len(run.gateway.script), "it comes again")


async def silent(connection: Connection) -> None:
    await connection.open()
    await connection.live("c1")
    await connection.until_closed()


def check_silent(run: Run) -> None:
    run.wait(lambda: len(run.gateway.asked) >= 2, "it gives a silent connection up")
    if run.gateway.open_most > 1:
        raise Failed("it opened a second connection before it closed the first")
    run.expect_cursors("", "c1")


async def cut_at_once(connection: Connection) -> None:
    await connection.open(retry_ms=200)


def check_jitter(run: Run) -> None:
    run.wait(lambda: len(run.gateway.asked) >= 5, "five connections")
    times = [asked.at for asked in run.gateway.asked[:5]]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    if min(pauses) < 0.08:
        raise Failed(f"it came again at once: pauses of {pauses}")
    if pauses[-1] < 1.5 * pauses[0]:
        raise Failed(f"its pauses do not grow: {pauses}")


def scenarios(token_file: Path) -> list[Scenario]:
    """(what is tried, the script, the check)."""

    def renewed(part: Part) -> Part:
        async def then(connection: Connection) -> None:
            await asyncio.to_thread(token_file.write_text, "new")
            await part(connection)

        return then

    async def unauthorized(connection: Connection) -> None:
        await connection.answer(401, {"error": "no valid token"})

    async def expired(connection: Connection) -> None:
        await connection.open()
        await connection.live("c1")
        await connection.expired()

    return [
        ("resumes with its last cursor, each change once", [first, resumed], check_resume),
        ("replaces its state where the gateway does not resume", [first, whole], check_whole),
        ("takes nothing of a state that was cut before `live`", [first, cut_before_live, resumed],
         check_cut_before_live),
        ("leaves repeated and older versions out", [first, repeats], check_repeats),
        ("reads what it does not know, in pieces", [odd], check_odd),
        ("waits as long as Retry-After names", [busy, quiet], check_busy),
        ("gets a new token after 401", [renewed(unauthorized), quiet], check_token),
        ("gets a new token after `expired`", [renewed(expired), quiet], check_token),
        ("drops a cursor that is refused", [first, bad_cursor, quiet], check_bad_cursor),
        ("ends where it is forbidden", [forbidden], check_forbidden),
        ("comes back after what is no HTTP", [first, garbage, quiet], check_comes_back),
        ("comes back after what is no JSON", [first, no_json, quiet], check_comes_back),
        ("comes back after an answer of nothing", [first, empty, quiet], check_comes_back),
        ("gives a silent connection up before it opens another", [silent, quiet], check_silent),
        ("waits longer each time, not at once", [cut_at_once], check_jitter),
    ]  # fmt: skip


def checks(command: Sequence[str]) -> list[Check]:
    """The checks of a client."""

    def check(what: str) -> Callable[[], None]:
        def run() -> None:
            with tempfile.TemporaryDirectory() as folder:
                token_file = Path(folder) / "token"
                token_file.write_text("old")
                script, verify = next(
                    (script, verify)
                    for name, script, verify in scenarios(token_file)
                    if name == what
                )
                with ScriptedGateway(script) as gateway:
                    client = Client(command, gateway.url, token_file)
                    try:
                        verify(Run(gateway, client))
                        if gateway.open_most > 1:
                            raise Failed("it had two connections at a time")
                    finally:
                        client.end()

        return run

    names: list[Any] = [name for name, _, _ in scenarios(Path())]
    return [Check(name, check(name)) for name in names]
