"""The board in a real Chromium: real Kafka, the gateway as a process, the page as people use it."""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from runtime.kafka import KafkaSettings, ensure_topics
from schemas.call_record import CallRecord
from schemas.origin import Address
from schemas.presence import Presence, PresenceBinding
from schemas.topics import CALL_RECORDS
from schemas.vocabulary import CallState, Cause, HungUpBy, Status, Transport
from tests.eventually import eventually
from tests.gateway import TOKEN, gateway
from tests.integration.conftest import delete_topics
from tests.kafka_logs import write
from tests.stages import StageProcess
from tests.user_center import publish

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (.ci/sip-programs)")

# Long, for a busy machine; benchmarks/board.py measures how fast the page is.
expect.set_options(timeout=30_000)
SOON_MS = 5_000
USERS = 300
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}


def aor(number: int) -> str:
    return f"sip:{1000 + number}@one.test" if number % 3 else f"sip:{1000 + number}@two.test"


def user(number: int, version: int, *, online: bool, cause: Cause | None = None) -> Presence:
    """On node fs1 or fs2; every tenth is suspect."""
    now = datetime.now(UTC)
    binding = PresenceBinding(
        node=f"fs{number % 2 + 1}",
        contact=f"sip:{number}@192.0.2.7:5060;transport=tcp",
        transport=Transport.TCP,
        remote=Address(ip="192.0.2.7", port=40_000 + number),
        edge="edge1" if number % 5 == 0 else None,
        user_agent="Yealink <b>T46</b>" if number % 2 else "Zoiper 5",
        suspect=number % 10 == 0,
        since=now - timedelta(hours=1),
    )
    return Presence(
        aor=aor(number),
        version=version,
        status=Status.ONLINE if online else Status.OFFLINE,
        reachable=online,
        cause=cause or (Cause.REGISTERED if online else Cause.UNREGISTERED),
        at=now,
        bindings=[binding] if online else [],
        calls=[],
        evidence=[f"fs1/boot/{number}-{version}"],
    )


def call(name: str, caller: int, callee: int, version: int = 1, **fields: Any) -> CallRecord:
    """A call of two of the users on fs1, begun two minutes ago and answered 5 s later."""
    started = datetime.now(UTC) - timedelta(minutes=2)
    given: dict[str, Any] = {
        "id": name,
        "version": version,
        "call": name,
        "node": "fs1",
        "nodes": ["fs1"],
        "users": [aor(caller), aor(callee)],
        "caller": aor(caller),
        "callee": aor(callee),
        "state": CallState.ANSWERED,
        "started": started,
        "answered": started + timedelta(seconds=5),
    }
    return CallRecord(**(given | fields))


def ended(name: str, caller: int, callee: int) -> CallRecord:
    """The end of it."""
    return call(
        name,
        caller,
        callee,
        version=9,
        state=CallState.ENDED,
        ended=datetime.now(UTC),
        hung_up_by=HungUpBy.CALLEE,
        cause="NORMAL_CLEARING",
    )


@pytest.fixture(scope="module")
def kafka(broker: str) -> Iterator[KafkaSettings]:
    settings = KafkaSettings(bootstrap_servers=broker, namespace=f"t{uuid.uuid4().hex[:8]}.")
    ensure_topics(settings)
    publish(settings, [user(number, 1, online=number % 4 != 0) for number in range(USERS)])
    # In sight in all tests: its parties are 1007@one.test and 1009@two.test.
    staying = call("staying", 7, 9, at_risk=True, nodes=["fs1", "a-node-of-a-long-name"])
    write(settings, [(CALL_RECORDS, "staying", staying)])
    yield settings
    delete_topics(settings)


@pytest.fixture(scope="module")
def stage(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageProcess]:
    with gateway(tmp_path_factory.mktemp("board"), kafka) as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # The tests run as root in CI, where Chromium's sandbox cannot start.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Visit:
    """A page that is watched: messages of the console, errors, and every address it asks."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self._context = browser.new_context(**{"viewport": DESK, **context})
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(30_000)
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.url = url
        self.page.goto(url)

    def _note_message(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def row(self, name: str) -> Any:
        """The row of a user, by what the list has of the AOR."""
        return self.page.locator("#space .row", has=self.page.locator(f".user[title='{name}']"))

    @property
    def names(self) -> list[str]:
        """The AORs in sight, from top to bottom."""
        script = """rows => rows.filter(row => row.querySelector('.user')?.title)
            .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
            .map(row => row.querySelector('.user').title)"""
        found: list[str] = self.page.locator("#space .row").evaluate_all(script)
        return found

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def visit(browser: Browser, stage: StageProcess) -> Iterator[Visit]:
    """Of a page that has its rows; at the end nothing went wrong and nobody else was asked."""
    found = Visit(browser, str(stage.status()["url"]))
    expect(found.page.locator("#connection-text")).to_have_text("Live")
    expect(found.page.locator("#found")).to_have_text(f"{USERS} users")
    yield found
    found.close()
    assert found.problems == []
    host = found.url.partition("://")[2]
    assert [one for one in found.asked if one.partition("://")[2].partition("/")[0] != host] == []


def test_users_are_listed_searched_sorted_and_filtered(visit: Visit) -> None:
    page = visit.page
    assert visit.names[:3] == [aor(0), aor(1), aor(2)]
    grid = page.get_by_role("grid", name="Users")
    expect(grid).to_have_attribute("aria-rowcount", str(USERS + 1))
    expect(page.get_by_role("button", name="Reachable")).to_contain_text(str(USERS * 3 // 4))

    page.get_by_role("searchbox").fill("zoiper 104")
    wanted = [n for n in range(40, 50) if n % 2 == 0 and n % 4]
    expect(page.locator("#found")).to_have_text(f"{len(wanted)} users found")
    assert sorted(visit.names) == sorted(map(aor, wanted))
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.get_by_text("No user found")).to_be_visible()
    page.get_by_role("button", name="Clear search and filters").click()
    expect(page.locator("#found")).to_have_text(f"{USERS} users")

    page.locator("#tiles").get_by_role("button", name="Suspect").click()
    suspect = [n for n in range(0, USERS, 10) if n % 4]
    expect(page.locator("#found")).to_have_text(f"{len(suspect)} users found")
    expect(page.locator("#space .row .status .badge").first).to_contain_text("suspect")
    page.get_by_role("button", name="Remove the filter Suspect").click()
    page.locator("#nodes").get_by_role("button", name="fs2").click()
    expect(page.locator("#found")).to_have_text(re.compile(r"^150 users found$"))
    page.get_by_role("button", name="Remove the filter Node: fs2").click()

    head = page.get_by_role("columnheader", name="Devices")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    page.get_by_role("columnheader", name="User").get_by_role("button").click()
    expect(page.locator("#found")).to_have_text(f"{USERS} users")
    eventually(lambda: visit.names == sorted(visit.names) != [], what="sorted")
    assert "sort" not in page.url


def test_a_client_that_is_lost_shows_at_once_with_its_cause(
    visit: Visit, kafka: KafkaSettings
) -> None:
    number = 1
    row = visit.row(aor(number))
    expect(row.locator(".status").first).to_have_text("Online")
    publish(kafka, [user(number, 2, online=False, cause=Cause.CONNECTION_RESET)])
    expect(row.locator(".status").first).to_have_text("Offline", timeout=SOON_MS)
    expect(row.locator(".why")).to_have_text("its connection was reset")
    expect(row.locator(".flaps")).to_have_text("1")
    page = visit.page
    expect(page.locator("#causes")).to_contain_text("connection reset")
    expect(page.locator("#losses").get_by_role("button").first).to_contain_text("1001@one.test")
    publish(kafka, [user(number, 3, online=True)])
    expect(row.locator(".status").first).to_have_text("Online", timeout=SOON_MS)


def test_a_user_is_explained_and_the_explanation_follows(
    visit: Visit, kafka: KafkaSettings
) -> None:
    page, number = visit.page, 5
    visit.row(aor(number)).click()
    details = page.get_by_role("dialog")
    expect(details.get_by_role("heading", name="1005@one.test")).to_be_focused()
    expect(details).to_contain_text(f"{aor(number)} is reachable: 1 binding.")
    expect(details).to_contain_text("behind the edge edge1")
    # A client's text is no HTML.
    expect(details).to_contain_text("Yealink <b>T46</b>")
    expect(details).to_contain_text("fs1/boot/5-1")
    publish(kafka, [user(number, 2, online=False, cause=Cause.EXPIRED)])
    expect(details).to_contain_text("because the registration was not renewed in time (expired)")
    before = details.locator("details").nth(1)
    before.locator("summary").click()
    expect(before).to_contain_text("fs1/boot/5-1")
    assert "user=sip%3A1005" in page.url
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(page.get_by_role("grid", name="Users")).to_be_focused()
    publish(kafka, [user(number, 3, online=True)])


def test_calls_are_shown_as_they_are_and_the_last_ones_of_a_user(
    visit: Visit, kafka: KafkaSettings
) -> None:
    page = visit.page
    calls = page.locator("#calls li")
    expect(calls).to_have_count(1)
    expect(calls).to_contain_text("1007@one.test → 1009@two.test")
    expect(calls.locator(".badge")).to_have_text("at risk")
    # However long the nodes' names are.
    badge, line = (calls.locator(name).bounding_box() for name in (".badge", ".why"))
    assert badge is not None
    assert line is not None
    assert badge["x"] + badge["width"] <= line["x"] + line["width"]
    expect(page.locator("#calls-total")).to_have_text("1, 1 at risk")

    write(
        kafka, [(CALL_RECORDS, "new", call("new", 11, 13, state=CallState.RINGING, answered=None))]
    )
    added = calls.filter(has_text="1011@one.test → 1013@one.test")
    expect(added).to_contain_text("Ringing", timeout=SOON_MS)
    expect(page.locator("#calls-total")).to_have_text("2, 1 at risk")
    write(kafka, [(CALL_RECORDS, "new", call("new", 11, 13, version=2))])
    expect(added).to_contain_text(re.compile(r"Answered for [12]:\d\d · fs1"), timeout=SOON_MS)

    # By keyboard: an update of the list leaves the focus where it is.
    added.get_by_role("button").focus()
    shown = added.inner_text()  # counts the seconds since the answer
    eventually(lambda: added.inner_text() != shown, interval=0.2)
    expect(added.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    details = page.get_by_role("dialog")
    expect(details.get_by_role("heading", name="1011@one.test")).to_be_focused()
    last = details.locator("details[data-key='call-new']")
    expect(last).to_contain_text("Answered")
    expect(last).to_contain_text("calls 1013@one.test")
    last.locator("summary").press("Enter")
    write(kafka, [(CALL_RECORDS, "new", ended("new", 11, 13))])
    expect(last).to_contain_text("by the callee, NORMAL_CLEARING", timeout=SOON_MS)
    expect(last).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(added).to_have_count(0)


def test_the_list_is_used_by_keyboard(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Sort by")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    grid = page.get_by_role("grid", name="Users")
    expect(grid).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(grid).to_have_attribute("aria-activedescendant", "row-2")
    page.keyboard.press("End")
    last = page.locator(f"#row-{USERS - 1}")
    expect(last).to_be_visible()
    expect(last).to_have_attribute("aria-rowindex", str(USERS + 1))
    expect(last.locator(".user b")).not_to_be_empty()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Close").press("Enter")
    expect(grid).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#row-0")).to_be_visible()


def test_a_bookmark_brings_back_what_was_selected(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("searchbox").fill("yealink")
    expect(page.locator("#found")).to_have_text("150 users found")
    page.get_by_role("columnheader", name="Since").get_by_role("button").click()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#found")).to_have_text("150 users found")
    expect(page.get_by_role("searchbox")).to_have_value("yealink")
    expect(page.get_by_role("columnheader", name="Since")).to_have_attribute(
        "aria-sort", "descending"
    )


def test_a_gateway_that_goes_and_comes_back_is_shown(
    visit: Visit, browser: Browser, kafka: KafkaSettings, tmp_path: Path
) -> None:
    with gateway(tmp_path, kafka) as own:
        other = Visit(browser, str(own.status()["url"]))
        expect(other.page.locator("#found")).to_have_text(f"{USERS} users")
        own.kill()
        banner = other.page.get_by_role("alert").filter(has_text="cannot be reached")
        expect(banner).to_be_visible()
        expect(banner).to_contain_text("What is shown is of")
        expect(other.page.locator("#connection-text")).to_have_text("Not connected")
        expect(other.row(aor(1))).to_be_visible()  # what was known stays in sight
        other.close()
    assert visit.problems == []


def test_with_tokens_the_page_asks_for_one_and_shows_its_users_only(
    browser: Browser, kafka: KafkaSettings, tmp_path: Path
) -> None:
    token = {"token": TOKEN, "name": "two", "domains": ["two.test"]}
    with gateway(tmp_path, kafka, TOKEN=json.dumps([token])) as own:
        visit = Visit(browser, str(own.status()["url"]))
        page = visit.page
        expect(page.get_by_label("Token")).to_be_focused()
        page.keyboard.type("not-the-right-token")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="token")).to_be_visible()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#found")).to_have_text(f"{USERS // 3} users")
        assert {name.partition("@")[2] for name in visit.names} == {"two.test"}
        expect(page.locator("#domains tr")).to_have_count(1)
        # Of a call only the party that the token shows.
        expect(page.locator("#calls li")).to_contain_text("another party → 1009@two.test")
        page.get_by_role("searchbox").fill("yealink")
        expect(page.get_by_text("No user found")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        assert [one for one in visit.asked if TOKEN in one] == []
        assert TOKEN not in page.evaluate("JSON.stringify([localStorage, sessionStorage])")
        visit.close()


# Of each text in sight: its colour's contrast to the ground behind it (WCAG 2.2, 1.4.3).
_CONTRASTS = """() => {
  const channels = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = channels(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return channels(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const texts = [...node.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim());
    const box = node.getBoundingClientRect();
    if (!node.checkVisibility({visibilityProperty: true}) || node.closest('svg')) continue;
    if (!texts.length || box.width < 2) continue;
    const [a, b] = [light(channels(getComputedStyle(node).color)), light(ground(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push([texts[0].textContent.trim(), Math.round(contrast * 10) / 10]);
  }
  return found;
}"""
_NAMELESS = """() => [...document.querySelectorAll('button, input, select, a, summary')]
  .filter((node) => node.checkVisibility({visibilityProperty: true}))
  .filter((node) => !(node.ariaLabel || node.innerText.trim() || node.labels?.length))
  .map((node) => node.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_everybody_can_read_and_reach_everything(
    browser: Browser, stage: StageProcess, scheme: str, size: dict[str, int]
) -> None:
    visit = Visit(browser, str(stage.status()["url"]), viewport=size, color_scheme=scheme)
    page = visit.page
    expect(page.locator("#found")).to_have_text(f"{USERS} users")

    def check(what: str) -> None:
        assert page.evaluate(_CONTRASTS) == [], what
        assert page.evaluate(_NAMELESS) == [], what
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], f"{what}: wider than the window"

    ground = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    assert (ground < "rgb(2") is (scheme == "dark"), ground
    check("the list")
    page.locator("#space .row").nth(1).click()
    expect(page.get_by_role("dialog")).to_contain_text("binding")
    check("a user")
    page.keyboard.press("Escape")
    visit.row(aor(7)).click()
    expect(page.get_by_role("dialog")).to_contain_text("calls 1009@two.test")
    check("a user in a call")
    page.keyboard.press("Escape")
    if size is PHONE:
        expect(page.get_by_role("heading", name="Nodes")).to_be_hidden()
        page.get_by_role("button", name="Overview").click()
        expect(page.get_by_role("grid", name="Users")).to_be_hidden()
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()
    expect(page.locator("#calls li").filter(has_text="1007@one.test")).to_contain_text("at risk")
    expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("^Reachable users"))
    check("the overview")
    if size is PHONE:
        page.get_by_role("button", name="Users", exact=True).click()
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.get_by_text("No user found")).to_be_visible()
    check("an empty list")
    visit.close()
    assert visit.problems == []
