"""A list stays in order while its users change, also while it is being made."""

import asyncio
import random

from sinks.gateway.access.scope import EVERYTHING
from sinks.gateway.board.request import SORTS, Selection
from sinks.gateway.board.row import Row, row_of
from sinks.gateway.board.view import View
from tests.unit.sinks.gateway.board.users import binding, message, record


def row(number: int, version: int = 1) -> Row:
    online = (binding(f"fs{number % 3}"),) if (number + version) % 3 else ()
    return row_of(message(record(f"sip:{number:05}@one.test", version, *online)))


async def built(selection: Selection, rows: list[Row]) -> View:
    view = View(selection, EVERYTHING)
    await view.build(rows)
    return view


def expected(selection: Selection, rows: dict[str, Row]) -> list[Row]:
    wanted = [one for one in rows.values() if selection.status in (None, one.facts.status)]
    return sorted(wanted, key=SORTS[selection.sort], reverse=selection.descending)


def test_each_order_stays_right_over_changes() -> None:
    draw = random.Random(1)

    async def main() -> None:
        for sort in SORTS:
            for descending in (False, True):
                selection = Selection(sort=sort, descending=descending, status="online")
                rows = {one.aor: one for one in map(row, range(300))}
                view = await built(selection, list(rows.values()))
                for version in range(2, 400):
                    number = draw.randrange(320)
                    new = row(number, version) if draw.random() > 0.1 else None
                    old = rows.pop(f"sip:{number:05}@one.test", None)
                    if new is not None:
                        rows[new.aor] = new
                    view.change(old, new)
                wanted = expected(selection, rows)
                assert len(view) == len(wanted)
                assert view.window(0, 200) == wanted[:200]
                assert view.window(100, 50) == wanted[100:150]
                assert view.window(len(wanted) - 3, 200) == wanted[-3:]
                assert view.window(10_000, 50) == []

    asyncio.run(main())


def test_changes_while_a_list_is_made_are_in_it() -> None:
    async def main() -> None:
        rows = {one.aor: one for one in map(row, range(20_000))}
        view = View(Selection(), EVERYTHING)
        heard: list[bool] = []
        view.listeners.add(lambda: heard.append(True))
        building = asyncio.create_task(view.build(list(rows.values())))
        draw, version, turns = random.Random(2), 2, 0
        while not building.done():
            number = draw.randrange(20_100)
            new = row(number, version) if draw.random() > 0.1 else None
            old = rows.pop(f"sip:{number:05}@one.test", None)
            if new is not None:
                rows[new.aor] = new
            view.change(old, new)
            version += 1
            turns += 1
            await asyncio.sleep(0)
        await building
        assert turns > 3, "it was not made in slices"
        assert view.is_complete
        assert heard
        assert view.window(0, 30_000) == expected(Selection(), rows)

    asyncio.run(main())
