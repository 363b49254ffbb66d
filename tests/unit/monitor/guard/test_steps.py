"""What the guard does next, as a pure function of what it knows."""

from __future__ import annotations

import doctest
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ketch.monitor.guard import steps
from ketch.monitor.guard.steps import Grow, Judge, Memory, RollBack, Situation, Step, next_step
from ketch.rollout.terms import Action, Exposure, Ramp

PLENTY = Exposure(units=10_000, lasted=timedelta(days=30))
RAMP = Ramp((10_000, 100_000))
actions = st.lists(st.sampled_from(Action), min_size=1, max_size=40)


@dataclass
class World:
    """A registry with one rollout, and guards that look at it."""

    auto_rollback: bool = True
    ramp: Ramp | None = None
    share: int = 10_000
    recorded: Action | None = None
    is_over: bool = False
    done: list[Step] = field(default_factory=list)

    def situation(self, action: Action) -> Situation:
        return Situation(
            action,
            self.recorded,
            self.share,
            PLENTY,
            Exposure(units=1_000),
            ramp=self.ramp,
            auto_rollback=self.auto_rollback,
        )

    def look(self, memory: Memory, action: Action, now: float) -> Memory:
        """Let a guard look, and do all that it wants to."""
        while not self.is_over:
            memory = memory.seeing(self.situation(action), now)
            step = next_step(memory, self.situation(action), now)
            if step is None:
                break
            self.done.append(step)
            assert len(self.done) < 1000
            match step:
                case Judge(judged):
                    self.recorded = judged
                case Grow(share):
                    self.share = share
                case RollBack():
                    self.is_over = True
        return memory


def test_the_examples_of_the_module_are_true() -> None:
    assert doctest.testmod(steps).failed == 0


@given(actions)
def test_harm_is_rolled_back_once_and_recorded_before(seen: list[Action]) -> None:
    world, memory = World(), Memory()
    for now, action in enumerate(seen):
        memory = world.look(memory, action, float(now))

    assert world.is_over is (Action.ROLL_BACK in seen)
    assert world.done.count(RollBack()) == int(world.is_over)
    if world.is_over:
        assert world.done[-2:] == [Judge(Action.ROLL_BACK), RollBack()]


@given(actions, actions)
def test_a_verdict_to_roll_back_stays_whatever_comes_later_also_after_a_restart(
    before: list[Action], after: list[Action]
) -> None:
    world = World(auto_rollback=False, recorded=Action.ROLL_BACK, ramp=RAMP)
    for seen in (before, after):
        memory = Memory()  # a guard that has just started
        for now, action in enumerate(seen):
            memory = world.look(memory, action, 10.0 * now)

    assert world.done == []
    world.auto_rollback = True  # somebody lets it act, after all
    world.look(Memory(), Action.CONTINUE, 0.0)
    assert world.done == [RollBack()]


@given(actions)
def test_two_guards_that_see_different_evidence_never_record_the_same_thing_in_turns(
    seen: list[Action],
) -> None:
    """One of them always sees too little; each says what changed for itself, once."""
    world, mine, theirs = World(auto_rollback=False), Memory(), Memory()
    for now, action in enumerate(seen):
        mine = world.look(mine, action, 10.0 * now)
        theirs = world.look(theirs, Action.HOLD, 10.0 * now)

    turns = 1 + sum(a is not b for a, b in pairwise(seen))
    assert len(world.done) <= turns + 1


def test_evidence_that_wavers_is_recorded_once_it_has_settled() -> None:
    world, memory = World(), Memory()
    for tenth in range(600):  # a minute
        action = (Action.CONTINUE, Action.PROMOTE_READY)[tenth % 2]
        memory = world.look(memory, action, tenth / 10)
    assert world.done == [Judge(Action.CONTINUE)]

    for tenth in range(600, 660):
        memory = world.look(memory, Action.PROMOTE_READY, tenth / 10)
    assert world.done == [Judge(Action.CONTINUE), Judge(Action.PROMOTE_READY)]


@given(actions)
def test_what_is_ready_to_promote_stays_so_until_something_speaks_against_it(
    seen: list[Action],
) -> None:
    """So an approval that was given on it stays good: the risk is that of ever being ready."""
    world, memory = World(auto_rollback=False, recorded=Action.PROMOTE_READY), Memory()
    for now, action in enumerate(seen):
        memory = world.look(memory, action, 10.0 * now)
        if world.done:
            break

    against = {Judge(one) for one in seen if one in (Action.HOLD, Action.ROLL_BACK)}
    assert set(world.done) <= against


def test_a_share_grows_on_a_verdict_that_is_on_record_and_a_hold_stops_it() -> None:
    world = World(ramp=RAMP)
    world.look(Memory(), Action.HOLD, 0.0)
    assert world.done == [Judge(Action.HOLD)]

    memory = world.look(Memory(Action.HOLD, Action.CONTINUE), Action.CONTINUE, 1.0)
    assert world.share == 10_000  # not settled yet
    world.look(memory, Action.CONTINUE, 9.0)
    assert world.done[1:] == [Judge(Action.CONTINUE), Grow(100_000)]
    assert replace(world, done=[]).share == 100_000


def test_a_hold_that_a_person_must_look_at_is_recorded_over_one_that_waits_once() -> None:
    waits = Situation(Action.HOLD, Action.HOLD, 10_000, PLENTY, PLENTY)
    memory = Memory().seeing(waits, 0.0)
    assert next_step(memory, waits, 0.0) is None
    hurt = replace(waits, alarm="slow")
    assert next_step(memory.seeing(hurt, 1.0), hurt, 1.0) == Judge(Action.HOLD)
    told = replace(hurt, recorded_alarm="slow")
    memory = memory.seeing(told, 2.0)
    assert next_step(memory, told, 2.0) is None
    overwritten = replace(hurt, recorded_alarm="errors")  # by a guard that sees another log
    assert next_step(memory.seeing(overwritten, 3.0), overwritten, 3.0) is None
