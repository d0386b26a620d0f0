import threading
import time
import weakref

import pytest

from pipeline import parallel
from pipeline.parallel import begin, map_ordered, memory_budget, memory_gb, run_all


@pytest.fixture(params=[1, 2, 4], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setenv("PHOENIX_THREADS", str(request.param))
    parallel.n_threads.cache_clear()
    parallel._pool.cache_clear()
    yield request.param
    parallel._pool().shutdown()
    parallel.n_threads.cache_clear()
    parallel._pool.cache_clear()


def test_results_come_in_order():
    def slow(i):
        time.sleep(0.002 * ((i * 7) % 5))
        return i * i

    assert list(map_ordered(slow, range(30))) == [i * i for i in range(30)]


def test_nested_calls_do_not_lock_up():
    def outer(i):
        return sum(map_ordered(lambda j: sum(map_ordered(lambda k: k, range(j))), range(i)))

    expected = [sum(j * (j - 1) // 2 for j in range(i)) for i in range(12)]
    assert list(map_ordered(outer, range(12))) == expected


def test_no_more_threads_than_allowed_are_busy(threads):
    busy, most, lock = 0, 0, threading.Lock()

    def work(_):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.005)
        with lock:
            busy -= 1

    run_all(work, range(20))
    assert most <= threads


def test_items_are_taken_as_needed():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    results = map_ordered(lambda i: i, items(), ahead=3)
    assert next(results) == 0
    assert len(taken) <= 4
    results.close()


def test_an_exception_stops_the_rest():
    done = []

    def work(i):
        if i == 3:
            raise ValueError("three")
        done.append(i)

    with pytest.raises(ValueError, match="three"):
        run_all(work, range(1000))
    assert len(done) < 20


def test_tasks_know_their_budget():
    with memory_budget(1.5):
        assert set(map_ordered(lambda _: memory_gb(), range(8))) == {1.5}
    assert memory_gb() == 4.0


def test_a_call_that_is_over_is_forgotten():
    """Also where the pool is busy and never takes it from its queue."""

    class Data:
        pass

    def outer(_):
        data = Data()
        list(map_ordered(lambda i: (data, i)[1], range(3)))
        return weakref.ref(data)

    found = list(map_ordered(lambda i: outer(i)(), range(4)))
    assert found == [None] * 4


def test_a_result_that_was_taken_is_forgotten():
    """Also where the pool is busy and never takes the call from its queue."""

    class Data:
        pass

    busy, free = threading.Event(), threading.Event()

    def block():
        busy.set()
        free.wait(10)

    waits = [begin(block) for _ in range(parallel.n_threads() - 1)]
    if waits:
        busy.wait(10)
    found = [weakref.ref(data) for data in map_ordered(lambda _: Data(), range(4))]
    assert [ref() for ref in found[:-1]] == [None] * 3
    free.set()
    for wait in waits:
        wait()


def test_what_was_begun_is_done_once_and_waited_for(threads):
    where = []

    def slow():
        time.sleep(0.05)
        where.append(threading.current_thread())
        return 7

    wait = begin(slow)
    if threads > 1:
        time.sleep(0.02)  # the thread has taken it
    assert (wait(), wait()) == (7, 7)
    assert len(where) == 1
    assert (where[0] is threading.main_thread()) == (threads == 1)


def test_an_exception_of_what_was_begun_comes_to_who_waits():
    def fail():
        raise KeyError("lost")

    wait = begin(fail)
    with pytest.raises(KeyError):
        wait()
