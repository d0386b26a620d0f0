import sys
import threading
import time
import weakref
from concurrent.futures import Future
from functools import partial

import pytest

from pipeline import parallel
from pipeline.parallel import (
    begin,
    beside,
    import_meanwhile,
    map_ordered,
    memory_budget,
    memory_gb,
    run_all,
    use_in_turn,
)


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


def test_several_threads_may_wait_for_what_was_begun(monkeypatch):
    cancel = Future.cancel

    def cancel_and_rest(future):
        cancelled = cancel(future)
        time.sleep(0.02)
        return cancelled

    monkeypatch.setattr(Future, "cancel", cancel_and_rest)
    free, found = threading.Event(), []
    busy = [begin(free.wait) for _ in range(4)]
    wait = begin(lambda: 7)
    others = [threading.Thread(target=lambda: found.append(wait())) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(5)
    free.set()
    for release in busy:
        release()
    assert found == [7] * 3


def slowly(i):
    time.sleep(0.002 * ((i * 7) % 5))
    return i * i


def test_results_are_used_in_order_one_at_a_time():
    found, using = [], threading.Lock()

    def use(result):
        assert using.acquire(blocking=False)
        time.sleep(0.001)
        found.append(result)
        using.release()

    use_in_turn(slowly, range(30), use)
    assert found == [i * i for i in range(30)]


def test_threads_do_not_wait_for_a_slow_item_but_for_room(threads):
    begun, used, free = [], [], threading.Event()

    def work(i):
        begun.append(i)
        if i == 0:
            assert free.wait(10 if threads > 1 else 0) or threads == 1
        elif len(begun) == 4:
            time.sleep(0.05)  # the fifth must not be begun meanwhile
            free.set()
        return i

    use_in_turn(work, range(20), lambda i: used.append((i, len(begun))), ahead=4)
    assert [i for i, _ in used] == list(range(20))
    assert all(n <= i + 4 for i, n in used)


def test_results_that_are_used_in_turn_are_forgotten():
    class Data:
        pass

    kept = []

    def use(data):
        assert sum(ref() is not None for ref in kept) <= parallel.n_threads() + 1
        kept.append(weakref.ref(data))

    use_in_turn(lambda _: Data(), range(20), use)
    assert [ref() for ref in kept] == [None] * 20


@pytest.mark.parametrize("where", ["call", "use", "items"])
def test_an_exception_stops_all_threads(where):
    done = []

    def fail(i, here):
        if i == 3 and here == where:
            raise ValueError("three")
        return i

    def work(i):
        time.sleep(0.001)
        done.append(i)
        return fail(i, "call")

    items = (fail(i, "items") for i in range(1000))
    with pytest.raises(ValueError, match="three"):
        use_in_turn(work, items, lambda i: fail(i, "use"))
    n = len(done)
    assert n < 20
    time.sleep(0.01)
    assert len(done) == n


def test_calls_in_turn_may_be_nested():
    def outer(i):
        found = []
        use_in_turn(lambda j: list(map_ordered(slowly, range(j))), range(i), found.append)
        return sum(map(sum, found))

    sums = []
    use_in_turn(outer, range(6), sums.append)
    assert sums == [sum(k * k for j in range(i) for k in range(j)) for i in range(6)]


def test_an_exception_deep_within_leaves_nothing_running():
    running, lock = [], threading.Lock()

    def leaf(i, j):
        with lock:
            running.append(i)
        time.sleep(0.0005 * (j % 3))
        with lock:
            running.remove(i)
        if (i, j) in ((4, 2), (9, 1)):
            raise ValueError(f"{i}, {j}")
        return j

    def inner(i):
        found = []
        use_in_turn(partial(leaf, i), range(i), found.append)
        return found

    for _ in range(20):
        used = []
        with pytest.raises(ValueError, match=r"4, 2|9, 1"), beside(partial(inner, 9)):
            use_in_turn(inner, range(12), used.append)
        assert running == []
        assert used == [list(range(i)) for i in range(len(used))]
        assert len(used) < 5


def test_a_context_waits_for_what_is_done_beside(threads):
    done = []
    with beside(lambda: done.append(threading.get_ident())):
        results = list(map_ordered(lambda i: i, range(20)))
    assert results == list(range(20))
    assert len(done) == 1
    assert threads > 1 or done == [threading.get_ident()]


def test_exceptions_beside_and_within_a_context_come_out_of_it():
    with pytest.raises(ZeroDivisionError), beside(lambda: 1 // 0):
        pass
    running = threading.Event()

    def slow():
        running.set()
        time.sleep(0.05)
        running.clear()

    with pytest.raises(KeyError), beside(slow):
        raise KeyError
    assert not running.is_set()


def test_libraries_are_imported_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.05)\nvalue = 3")
    monkeypatch.syspath_prepend(tmp_path)
    import_meanwhile("slow_to_import")
    end = time.monotonic() + 10
    while "slow_to_import" not in sys.modules and time.monotonic() < end:
        time.sleep(0.001)
    import slow_to_import

    assert slow_to_import.value == 3
