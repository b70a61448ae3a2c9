"""The shelf and the lanes by themselves: what they hold, how long they wait, what they let pass."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.uniser_core.pictures import encode, photo
from uniser_core.errors import InputError
from uniser_model.serve.lane import Lane, LaneFullError, WorkError
from uniser_model.serve.shelf import Entry, Shelf

if TYPE_CHECKING:
    from pathlib import Path


def kept(shelf: Shelf, size: int) -> Entry:
    entry = shelf.new()
    (entry.folder / "photo").write_bytes(bytes(size))
    return shelf.keep(entry)


def test_the_shelf_drops_what_was_not_used_for_longest() -> None:
    shelf = Shelf(1000)
    try:
        first, second = kept(shelf, 400), kept(shelf, 400)
        shelf.get(first.id)
        third = kept(shelf, 400)
        assert shelf.size_bytes == 800
        assert not second.folder.exists()
        with pytest.raises(InputError, match="choose it again"):
            shelf.get(second.id)
        assert {shelf.get(e.id).id for e in (first, third)} == {first.id, third.id}
        assert kept(shelf, 5000).folder.exists()  # the last one stays, whatever its size
        assert not first.folder.exists()
        assert shelf.root.stat().st_mode & 0o077 == 0
    finally:
        shelf.close()
    assert not shelf.root.exists()


def call(path: Path) -> dict[str, object]:
    (path / "photo").write_bytes(encode(photo()))
    return {"path": str(path / "photo"), "out": str(path), "max_pixels": 10_000}


async def stopped(lane: Lane, path: Path) -> None:
    """Its worker is there, and does nothing more."""
    assert (await lane.call("open", call(path)))["width"] == 64
    os.kill(lane._process.pid, signal.SIGSTOP)


def test_a_job_that_hangs_is_ended_and_the_next_one_works(tmp_path: Path) -> None:
    async def story() -> None:
        lane = Lane("photos", queue=2, timeout_s=30, memory_mb=4000)
        await stopped(lane, tmp_path)
        lane.timeout_s = 0.5
        with pytest.raises(WorkError, match=r"longer than 0\.5 s"):
            await lane.call("open", call(tmp_path))
        lane.timeout_s = 30
        assert (await lane.call("open", call(tmp_path)))["height"] == 48
        await lane.close()

    asyncio.run(story())


def test_a_job_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    async def story() -> None:
        lane = Lane("photos", queue=2, timeout_s=30, memory_mb=4000)
        await stopped(lane, tmp_path)
        lane.memory_mb = 10
        with pytest.raises(WorkError, match="more than 10 MB of memory"):
            await lane.call("open", call(tmp_path))
        await lane.close()

    asyncio.run(story())


def test_the_line_is_short_and_first_come_first_served(tmp_path: Path) -> None:
    async def story() -> None:
        lane = Lane("photos", queue=2, timeout_s=30, memory_mb=4000)
        await stopped(lane, tmp_path)
        order: list[int] = []

        async def one(number: int) -> None:
            await lane.call("open", call(tmp_path))
            order.append(number)

        tasks = []
        for number in range(3):
            tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(0)
        with pytest.raises(LaneFullError, match="2 jobs are waiting"):
            await lane.call("open", call(tmp_path))
        os.kill(lane._process.pid, signal.SIGCONT)
        await asyncio.gather(*tasks)
        assert order == [0, 1, 2]
        await lane.close()

    asyncio.run(story())


def test_how_far_a_job_is_and_what_is_wrong_come_through(tmp_path: Path) -> None:
    async def story() -> None:
        lane, heard = Lane("photos", queue=2, timeout_s=30, memory_mb=4000), []
        await lane.call("open", call(tmp_path), heard.append)
        assert heard == ["reading the photo"]
        with pytest.raises(WorkError, match=r"64x48.*megapixels"):
            await lane.call("open", {**call(tmp_path), "max_pixels": 100})
        with pytest.raises(WorkError, match="unexpected KeyError"):
            await lane.call("open", {})
        await lane.close()

    asyncio.run(story())
