"""When more workers pay."""

from __future__ import annotations

import math

from ketch.runtime.growth import Growth


def test_a_second_worker_is_due_when_waiting_has_cost_a_start() -> None:
    growth = Growth(8)
    assert growth.due_s(1, start_s=2.0) == 2.0
    growth.waited(1.5)
    assert growth.due_s(1, start_s=2.0) == 0.5
    growth.waited(0.7)
    assert growth.due_s(1, start_s=2.0) == 0.0


def test_each_time_it_pays_there_are_twice_as_many() -> None:
    growth, workers, starts = Growth(12), 1, []
    while (due_s := growth.due_s(workers, 1.0)) < math.inf:
        growth.waited(due_s)
        starts.append(growth.more(workers, idle_cores=16.0, room=100))
        workers += starts[-1]
    assert starts == [1, 2, 4, 4]


def test_looking_in_vain_begins_a_new_wait() -> None:
    growth = Growth(4)
    growth.waited(3.0)
    assert growth.more(1, idle_cores=0.1, room=9) == 0
    assert growth.due_s(1, start_s=2.0) == 2.0


def test_a_package_that_uses_every_processor_gets_no_second_worker() -> None:
    for idle, expected in ((-0.5, 0), (0.2, 0), (0.3, 1), (1.1, 1), (1.3, 2), (9.0, 2)):
        assert Growth(8).more(2, idle_cores=idle, room=9) == expected


def test_there_are_no_more_than_there_is_memory_for() -> None:
    assert [Growth(8).more(4, idle_cores=9.0, room=room) for room in (0, 1, 9)] == [0, 1, 4]


def test_who_names_a_number_gets_it_without_a_wait() -> None:
    growth = Growth(5, at_once=True)
    assert growth.due_s(1, start_s=60.0) == 0.0
    assert growth.more(1, idle_cores=0.0, room=0) == 4
    assert growth.due_s(5, start_s=60.0) == math.inf


def test_what_the_machine_refused_is_not_asked_for_again() -> None:
    growth = Growth(5, at_once=True)
    growth.no_more(2)
    assert growth.due_s(2, start_s=1.0) == math.inf
