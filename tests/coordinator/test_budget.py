"""What may wait for the state thread: bounded, first come first served, all given back."""

import asyncio

import pytest

from podlog.coordinator import budget
from podlog.coordinator.budget import SMALLEST, Budget, Budgets, FullError, Share
from podlog.proto.errors import WireError


def test_who_finds_none_left_waits_in_order() -> None:
    """One may go over the limit; the next is let in when anything is left again."""

    async def scenario() -> list[int]:
        order: list[int] = []
        bytes_ = Budget(10)

        async def take(number: int, size: int) -> None:
            await bytes_.take(size)
            order.append(number)

        await bytes_.take(100)
        tasks = [asyncio.create_task(take(number, 6)) for number in range(4)]
        await asyncio.sleep(0)
        assert order == []
        tasks[1].cancel()
        bytes_.give(100)
        await asyncio.wait(tasks, timeout=0.05)
        assert order == [0, 2]
        assert bytes_.used == 12
        bytes_.give(6)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert bytes_.used == 12
        return order

    assert asyncio.run(scenario()) == [0, 2, 3]


def test_a_flooding_stream_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits at its own limit, long before the server's is reached."""
    monkeypatch.setattr(budget, "STREAM_BYTES", 4 * SMALLEST)

    async def scenario() -> None:
        budgets = Budgets()
        flood, other = Share(budgets), Share(budgets)
        for _ in range(4):
            await flood.take(1)
        stuck = asyncio.create_task(flood.take(1))
        await asyncio.wait_for(other.take(1), 1)
        assert not stuck.done()
        flood.dealt()
        await asyncio.wait_for(stuck, 1)
        for share, count in ((flood, 4), (other, 1)):
            for _ in range(count):
                share.dealt()
        assert budgets.whole.used == 0

    asyncio.run(scenario())


def test_pieces_are_bounded_and_all_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message counts from its first piece until it is dealt with, or its stream ends."""
    monkeypatch.setattr(budget, "JOINED_BYTES", 100)

    async def scenario() -> None:
        budgets = Budgets()
        one, two = Share(budgets), Share(budgets)
        assert one.join(b"x" * 40, False) is None
        assert one.joining
        assert two.join(b"y" * 40, True) == b"y" * 40
        await two.take(40)
        with pytest.raises(FullError):
            one.join(b"x" * 40, False)
        one.close()
        assert budgets.joined == 40
        two.dealt()
        assert (budgets.joined, budgets.whole.used) == (0, 0)

    asyncio.run(scenario())


def test_a_message_in_pieces_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the stream is at fault; so it is with an empty piece."""
    monkeypatch.setattr(budget, "LARGEST_MESSAGE", 10)
    share = Share(Budgets())
    share.join(b"x" * 10, False)
    with pytest.raises(WireError, match="larger"):
        share.join(b"x", True)
    with pytest.raises(WireError, match="empty"):
        Share(Budgets()).join(b"", False)
