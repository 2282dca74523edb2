"""What heartbeats of a large job cost: none looks at all other processes."""

import pytest
from kit_members import beat, members

from podlog.coordinator.core import behind, stalls
from podlog.coordinator.core.members import Members

COUNT = 50


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that all members are looked at for one of these questions."""
    found: list[str] = []

    def counted(module: object, name: str) -> None:
        real = getattr(module, name)

        def call(*args: object) -> object:
            found.append(name)
            return real(*args)

        monkeypatch.setattr(module, name, call)

    counted(behind, "_lacking")
    counted(stalls, "_waits")
    return found


def beats(found: Members, now: float, **more: object) -> None:
    for process in range(COUNT):
        found.heartbeat(process, beat(1, **more), now)


def test_a_change_of_mode_of_all_is_looked_at_once(looks: list[str]) -> None:
    """Not once for each of the heartbeats that tell of it."""
    found = members(COUNT)
    for now, doing in enumerate(
        (
            {"training": 1},
            {"training": 1, "quiet": True, "entered": {"train": 1}},
            {"training": 1, "entered": {"train": 1, "val": 1}},
        )
    ):
        beats(found, float(now), **doing)
        assert looks == []
        found.tick(float(now))
        assert looks.count("_lacking") == 1
        looks.clear()
