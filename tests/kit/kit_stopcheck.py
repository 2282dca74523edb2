"""What must hold at the end of a simulated pod."""

import json

from kit_stoploop import START, Decided, T
from kit_stops import Pod


def check(pod: Pod) -> list[str]:
    """What is wrong: none may miss a step that it answered for and heard of in time."""
    wrong: list[str] = []
    told: set[tuple[int, str]] = set()
    for id, decided in sorted(pod.decided.items()):
        asked, training = decided.outcome.request, decided.training
        if asked is None or training is None:
            continue
        for flag, wanted in (("stopped", asked.stop), ("saw_nans", asked.nans)):
            if wanted and (training, flag) not in told:
                told.add((training, flag))
                wrong += _missed(pod, id, decided, training, flag)
    return wrong + _unreported(pod)


def _missed(pod: Pod, id: int, decided: Decided, training: int, flag: str) -> list[str]:
    wrong = []
    items = set()
    for loop in pod.loops:
        heard = loop.received.get(id)
        in_time = heard is not None and heard[0] - decided.at < T / 2
        if not in_time or decided.said.get(loop.index) != loop.incarnation:
            continue
        if loop.incarnation > 1 and loop.began > decided.at:  # told again, if that still stands
            continue
        assert heard is not None
        pod.in_time += 1
        step, seen = decided.outcome.step, getattr(loop, flag)
        target, end = _target(pod, max(training + 1, loop.start), step)
        late = target < end and loop.at > target and (seen is None or seen > target)
        early = seen is not None and training < seen < target
        if late or early or heard[1] >= step:
            wrong.append(f"{loop.index}: {flag} at {seen}, not {target}: {decided.outcome}")
        if seen is not None and training < seen < end:
            items.add(seen)
    return wrong if len(items) <= 1 else [*wrong, f"{flag} at items {items}"]


def _target(pod: Pod, start: int, step: int) -> tuple[int, int]:
    """The item at which a decided step comes true, and where its training ends."""
    items = range(start, len(pod.course))
    end = next((i for i in items if pod.course[i] is START), len(pod.course))
    steps = ((i, pod.course[i]) for i in range(start, end))
    return next((i for i, s in steps if s is not None and s >= step), end), end


def _unreported(pod: Pod) -> list[str]:
    """Splits that the coordinator does not know of, all having been connected for 2 s."""
    stand = {d["id"]: d["step"] for d in json.loads(pod.core.dump())["decided"]}
    return [
        f"{loop.index} missed {stand[id]} at {gate}, unheard"
        for loop in pod.loops
        for id, (_, gate) in loop.received.items()
        if id in stand and gate >= stand[id]
        if loop.alive and loop.index not in pod.done
        if (loop.index, stand[id]) not in pod.splits
    ]
