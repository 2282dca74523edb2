"""Members under anything that can happen, in any order, and across coordinators that die."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from kit_members import GLOO, join

from podlog.coordinator.core.beat import Beat
from podlog.coordinator.core.member import ENDED, Member, State
from podlog.coordinator.core.members import Members
from podlog.coordinator.core.signs import normal
from podlog.coordinator.core.verdict import verdict
from podlog.coordinator.restart import dump_member, read_member
from podlog.proto.config import TimingConfig
from podlog.proto.records import Verdict

COUNT = 3
TIMING = TimingConfig(lost_after_s=30.0, row_timeout_s=30.0)
ERRORS = ("ValueError: boom", GLOO, "")
STATUSES = ("success", "nan", "preempted", "interrupted", "failure", "error", "early stop")
EXITS = ((0, None), (3, None), (None, 9), (None, 15), (None, 2), (None, 6))


def fresh(now: float = 0.0) -> Members:
    return Members(range(COUNT), TIMING, now)


class Judge:
    """Members of one job, with its chapters, as `Fate` keeps them; it may die and go on."""

    def __init__(self) -> None:
        self.members = fresh()
        self.chapter = 1
        self.given: Verdict | None = None
        self.told: list[Verdict] = []

    def begin(self) -> None:
        if self.given is not None:
            self.given = None
            self.chapter += 1
            self.members.next_chapter()

    def give(self) -> None:
        found = verdict(self.members.all(), chapter=self.chapter)
        if self.given is None and found.final:
            self.given = found
            self.told.append(found)

    def die(self, now: float) -> None:
        kept = [
            dump_member(m) for m in self.members.all() if m.state is not State.JOINING or m.found
        ]
        self.members = fresh(now)
        self.members.recall([read_member(text, now) for text in kept], now)


class Story:
    """Random events, as they happen to several judges."""

    def __init__(self, rng: random.Random, judges: int = 1) -> None:
        self.rng = rng
        self.now = 0.0
        self.judges = [Judge() for _ in range(judges)]
        self.lives = [0] * COUNT

    @property
    def members(self) -> Members:
        return self.judges[0].members

    def each(self, event: str, *args: object, **more: object) -> None:
        for judge in self.judges:
            getattr(judge.members, event)(*args, self.now, **more)

    def happen(self, event: str) -> None:
        self.now += self.rng.choice([0.0, 0.5, 3.0, 20.0])
        process = self.rng.randrange(COUNT)
        member = self.members.member(process)
        if event in ("join", "new life"):
            self.lives[process] += event == "new life"
            for judge in self.judges:
                join(judge.members, process, self.now, self.lives[process])
                if judge.members.running(process):
                    judge.begin()
        elif event == "exit":
            code, signal = self.rng.choice(EXITS)
            memory = self.rng.random() < 0.2
            caused = self.rng.random() < 0.7
            for judge in self.judges:
                judge.members.exited(process, code, signal, caused, self.now, memory)
        elif event == "gone" and member.incarnation:
            self.each("pid_gone", process)
        elif event == "break" and member.connected:
            self.each("link", process, False)
        elif member.connected and not member.found:
            self.speak(event, process)
        for judge in self.judges:
            judge.give()

    def speak(self, event: str, process: int) -> None:
        status, error = self.rng.choice(STATUSES), self.rng.choice(ERRORS)
        match event:
            case "fail":
                self.each("failed", process, self.rng.choice(["failure", "interrupted"]), error)
            case "miss":
                self.each("missed", process, "missed stop step 7 (it was at 9)")
            case "finalize":
                self.each("finalized", process, status, error=error)
            case "goodbye":
                self.each("goodbye", process, self.rng.choice(["", status]), error=error)
            case "log":
                for judge in self.judges:
                    if judge.members.active(process, self.now):
                        judge.begin()
            case "beat":
                self.each("heartbeat", process, self.beat())

    def beat(self) -> Beat:
        rng = self.rng
        return Beat(
            step=rng.randrange(5),
            gate=rng.randrange(-1, 5),
            mode=rng.choice(["", "train", "val"]),
            phase=rng.choice(["", "data", "checkpoint"]),
            idle=rng.choice([0.0, 5.0, 100.0]),
            longest=rng.choice([0.0, 1.0, 10.0]),
            quiet=rng.random() < 0.2,
            training=rng.randrange(3),
            entered={"train": rng.randrange(3), "val": rng.randrange(2)},
        )

    def pass_time(self) -> None:
        """All that is due now happens; it ends, and nothing is due any more."""
        for judge in self.judges:
            due = judge.members.next_deadline()
            if due is not None and due <= self.now:
                judge.members.tick(self.now)
            after = judge.members.next_deadline()
            assert after is None or after > self.now
            judge.give()

    def end(self) -> None:
        self.now += 1.0
        for judge in self.judges:
            judge.members.all_ended(self.now)
            for process in range(COUNT):
                judge.members.link(process, False, self.now)
            judge.give()


TALK = ["fail", "miss", "finalize", "finalize", "goodbye", "log", "beat", "beat"]
LIFE = ["join", "join", "new life", "break", "exit", "gone"]
stories = st.lists(st.sampled_from(TALK + LIFE), max_size=50)
mortal_stories = st.lists(st.sampled_from([*TALK, *LIFE, "restart"]), max_size=50)
chance = st.randoms(use_true_random=False)


def check(members: Members) -> None:
    """What holds of members at any time."""
    every = members.all()
    sign = members.first_sign()
    assert sign is None or sign.caused
    assert members.settled() == all(m.state in ENDED for m in every)
    assert members.settled() == (members.live() == ())
    orders = [m.sign for m in every if m.sign is not None]
    assert len(orders) == len(set(orders))
    stalled = members.stalled()
    assert members.culprit() in (None, *stalled)
    if stalled and sign is None:
        assert members.culprit() is not None
    for m in every:
        assert not (m.state is State.STALLED and not m.connected)
        assert not (m.state in ENDED and m.state is not State.GOODBYE and m.connected)
        if m.failed is not None:
            assert m.sign is not None
        if m.failed is not None and m.state in ENDED | {State.DONE}:
            assert normal(m.status) in (m.failed[0], "failure")
    found = verdict(every)
    assert found.final == (not found.waiting_for)
    assert set(found.waiting_for) == {
        m.process for m in every if m.state not in ENDED | {State.DONE}
    }


@settings(deadline=None, max_examples=200)
@given(stories, chance)
def test_whatever_happens_members_make_sense(story: list[str], rng: random.Random) -> None:
    """No exception; ends are stable but for a return; time brings every job to its end."""
    told = Story(rng)
    for event in story:
        before = {m.process: m.state for m in told.members.all()}
        told.happen(event)
        after = {m.process: m.state for m in told.members.all()}
        for process, state in before.items():
            if state in ENDED and event not in ("join", "new life", "goodbye"):
                assert after[process] is state
        told.pass_time()
        check(told.members)
    for process in range(COUNT):
        told.each("link", process, False)
    if any(m.incarnation or m.found for m in told.members.all()):
        for _ in range(2 * COUNT + 2):
            due = told.members.next_deadline()
            if due is None:
                break
            told.now = max(told.now, due)
            told.members.tick(told.now)
            assert told.members.next_deadline() != due
        assert told.members.settled()
        assert verdict(told.members.all()).final


@settings(deadline=None, max_examples=300)
@given(mortal_stories, chance)
def test_no_restart_changes_any_verdict(story: list[str], rng: random.Random) -> None:
    """One coordinator dies now and then, the other never: equal verdicts, one a chapter."""
    told = Story(rng, judges=2)
    steady, mortal = told.judges
    for event in story:
        if event != "restart":
            told.happen(event)
            continue
        told.now += 1.0
        for member in steady.members.all():  # what is dead has closed its stream by then
            if member.connected and member.found:
                told.each("link", member.process, False)
        here = [m.process for m in steady.members.all() if m.connected]
        mortal.die(told.now)
        for process in here:
            join(mortal.members, process, told.now, told.lives[process])
        for judge in told.judges:
            judge.give()
    told.end()
    assert steady.given is not None
    assert mortal.told == steady.told
    for judge in told.judges:
        chapters = [given.chapter for given in judge.told]
        assert chapters == sorted(set(chapters))


@settings(deadline=None, max_examples=200)
@given(stories, chance)
def test_what_is_kept_of_a_member_is_read_again(story: list[str], rng: random.Random) -> None:
    """All but what is true of one coordinator only; written again it is the same."""
    told = Story(rng)
    for event in story:
        told.happen(event)
    for member in told.members.all():
        text = dump_member(member)
        again = read_member(text, 7.0)
        assert isinstance(again, Member)
        assert (again.since, again.connected, again.beat_at) == (7.0, False, None)
        assert dump_member(again) == text
