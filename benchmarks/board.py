"""`python -m benchmarks.board`: presence in Kafka → the board in a real Chromium.

100,000 users, changes at a steady rate. The page is opened (the first time, which makes the list,
and again), users in sight change and are seen changed, and users are searched. The last line is one
JSON object. A row that shows another state than the newest at the end, or a search that finds
others than it should, ends the run with an error and no figures.

Times are the page's own: of a change from just before its record is sent to Kafka until a frame
shows it, of a search from the key until a frame shows what was found.
"""

import argparse
import math
import random
import shutil
import time
from collections.abc import Iterator

from playwright.sync_api import Page, sync_playwright

from benchmarks.changes import Changes, Roll
from benchmarks.figures import delays_ms, finish
from benchmarks.population import Population
from benchmarks.process import cpu_seconds, memory_mb
from benchmarks.scene import NotReached, Scene, progress
from schemas.topics import PRESENCE

# Changes of users in sight come so often, in seconds.
EVERY_SECONDS = 0.05
IN_SIGHT = 12

_FIRST_ROWS = """() => new Promise(resolve => {
  const look = () => document.querySelector('#space .row:not(.waiting) .user b')
    ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})"""
_WATCH = """() => {
  window.seen = [];
  const shown = new Map();
  const look = () => {
    for (const row of document.querySelectorAll('#space .row:not(.waiting)')) {
      const aor = row.querySelector('.user').title;
      const status = row.querySelector('.status .status')?.textContent;
      if (shown.get(aor) !== status) {
        shown.set(aor, status);
        window.seen.push([aor, status, Date.now()]);
      }
    }
    requestAnimationFrame(look);
  };
  look();
}"""
_SEARCH = """words => new Promise(resolve => {
  const input = document.getElementById('search'), grid = document.getElementById('grid');
  const began = performance.now();
  input.value = words;
  input.dispatchEvent(new Event('input'));
  const look = () => grid.getAttribute('aria-busy') === 'false' && input.value === words
    ? resolve([performance.now() - began, document.getElementById('found').textContent])
    : requestAnimationFrame(look);
  requestAnimationFrame(look);
})"""


def first_rows_ms(page: Page, url: str) -> float:
    """Milliseconds from the navigation until rows are shown."""
    page.goto("about:blank")
    page.goto(url)
    shown: float = page.evaluate(_FIRST_ROWS)
    return shown


def change_delays(scene: Scene, page: Page, roll: Roll, seconds: float) -> list[float]:
    """Seconds until the page showed each change of a user in sight. Raises NotReached."""
    page.evaluate(_WATCH)
    sent: list[tuple[str, str, float]] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        turn, number = divmod(len(sent), IN_SIGHT)
        # Above what the steady changes of all users come to.
        version = 1_000_000 + turn
        record = roll.record(number, version, "seen")
        sent.append((record[0], "Online" if version % 2 else "Offline", time.time()))
        scene.send(PRESENCE, [record])
        page.wait_for_timeout(EVERY_SECONDS * 1000)
    page.wait_for_timeout(1000)
    return list(_matched(sent, page.evaluate("window.seen")))


def _matched(
    sent: list[tuple[str, str, float]], seen: list[tuple[str, str, float]]
) -> Iterator[float]:
    """The delay of each change. One that was not seen before the user's next took that long."""
    for index, (aor, status, at) in enumerate(sent):
        until = next((one[2] for one in sent[index + 1 :] if one[0] == aor), None)
        found = (
            one[2] / 1000
            for one in seen
            if (one[0], one[1]) == (aor, status)
            and at - 0.002 <= one[2] / 1000 <= (until or math.inf)
        )
        shown = next(found, until)
        if shown is None:
            raise NotReached(f"the page does not show the last change of {aor}")
        yield max(0.0, shown - at)


def searches(page: Page, roll: Roll, count: int) -> list[float]:
    """Seconds of each search. Raises NotReached when one finds others than it should."""
    draw, delays = random.Random(2), []
    for _ in range(count):
        number = draw.randrange(roll.population.users)
        words = roll.population.aor(number).removeprefix("sip:").replace("@", " ")
        took, found = page.evaluate(_SEARCH, words)
        if found != "1 user found":
            raise NotReached(f"{words!r}: {found}")
        delays.append(took / 1000)
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=200, help="changes/s of all users")
    parser.add_argument("--seconds", type=float, default=12.0, help="of changes in sight")
    parser.add_argument("--loads", type=int, default=5, help="of the page, after the first")
    parser.add_argument("--searches", type=int, default=40)
    options = parser.parse_args()
    roll = Roll(Population(options.users))
    with Scene() as scene, sync_playwright() as playwright:
        scene.send(PRESENCE, roll.first())
        stage = scene.stage("gateway", ROLLCALL_GATEWAY_PORT="0")
        pid, url = stage.pid or 0, stage.status()["url"]
        empty = memory_mb(pid)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        progress("the first page...")
        cold = first_rows_ms(page, url)
        warm = [first_rows_ms(page, url) / 1000 for _ in range(options.loads)]
        memory = memory_mb(pid)
        progress(f"{options.rate:,} changes/s...")
        changes = Changes(scene.kafka, roll, options.rate, options.users) if options.rate else None
        scene.wait_until_warm()
        cpu, began = cpu_seconds(pid), time.monotonic()
        delays = change_delays(scene, page, roll, options.seconds)
        share = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
        progress("searches...")
        found = searches(page, roll, options.searches)
        if changes is not None:
            changes.stop()
        browser.close()
    finish(
        {
            "users": options.users,
            "changes_per_second": options.rate,
            "first_rows_cold_ms": round(cold, 1),
            "first_rows": delays_ms(warm),
            "change_on_screen": delays_ms(delays),
            "search": delays_ms(found),
            "gateway_mb": memory,
            "rows_mb": round(memory - empty, 1),
            "cpu_share": round(share, 2),
            "wrong": 0,
        }
    )


if __name__ == "__main__":
    main()
