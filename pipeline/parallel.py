"""One pool of threads for the whole process, and one memory budget.

Kernels release the GIL, so threads over IFUs, blocks or slabs use all cores. A call may
be made from within another one: whoever waits for a result works on what is not begun
yet, so nothing can lock up and there are never more busy threads than `n_threads`.
Results come in the order of the items, whatever the number of threads.
"""

import contextlib
import ctypes
import importlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import cache, partial
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MALLOC_OPTIONS = {-3: 64 << 20, -1: 256 << 20, -8: 1}
"""M_MMAP_THRESHOLD, M_TRIM_THRESHOLD [byte] and M_ARENA_MAX of malloc.h."""

_MEMORY_GB: ContextVar[float] = ContextVar("memory_gb", default=4.0)


@cache
def n_threads() -> int:
    """Return how many threads may be busy: ``PHOENIX_THREADS`` or the cores at hand."""
    asked = os.environ.get("PHOENIX_THREADS")
    return max(int(asked) if asked else len(os.sched_getaffinity(0)), 1)


@cache
def _pool() -> ThreadPoolExecutor:
    """Start the pool; the thread that waits for results is one of the workers."""
    return ThreadPoolExecutor(max(n_threads() - 1, 1), "phoenix")


@cache
def one_blas_thread() -> None:
    """Let linear algebra use one thread: results then do not depend on the machine."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


@cache
def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 64 MB for the next ones.

    By default it hands arrays of some MB back at once, and the system clears the same
    pages again for every block of rows: half of the time of a simple recipe.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not the GNU C library
        return
    for option, value in _MALLOC_OPTIONS.items():
        mallopt(option, value)


def memory_gb() -> float:
    """Return the memory [GB] that the present task may use, to size slabs and stacks."""
    return _MEMORY_GB.get()


@contextlib.contextmanager
def memory_budget(gigabytes: float) -> Iterator[None]:
    """Give the tasks started in this context a memory budget [GB]."""
    token = _MEMORY_GB.set(gigabytes)
    try:
        yield
    finally:
        _MEMORY_GB.reset(token)


class _Task(Generic[Item, Result]):
    """A call that is either under way in the pool or still to be done by who waits.

    A call that is not left to the pool stays in its queue, maybe for long: it is emptied,
    or else the queue would keep the data of the call and its result in memory.
    """

    def __init__(self, function: Callable[[Item], Result], item: Item) -> None:
        self._call: list[Callable[[], Result]] = [partial(function, item)]
        self._future: Future[Result] | None = None
        self._own: Future[Result] | None = None
        if n_threads() > 1:
            self._future = _pool().submit(copy_context().run, self._run)

    def _run(self) -> Result:
        """Do the call."""
        return self._call.pop()()

    def begin_here(self) -> bool:
        """Do the call in this thread, unless it was begun; tell whether it was done."""
        if self._own or (self._future and not self._future.cancel()):
            return False
        self._own = Future()
        try:
            self._own.set_result(self._run())
        except BaseException as error:
            self._own.set_exception(error)
        return True

    def done(self) -> bool:
        """Tell whether the result is there."""
        return bool(self._own) or bool(self._future and self._future.done())

    def result(self) -> Result:
        """Wait for the result."""
        future = self._own or self._future
        assert future is not None
        return future.result()

    def forget(self) -> None:
        """Let go of the result of a call that was done here."""
        self._own = None

    def wait_if_begun(self) -> None:
        """Wait for a call that a thread has begun, prevent it otherwise."""
        if self._future and not self._future.cancel():
            self._future.result()

    def drop(self) -> None:
        """Prevent the call, or wait until it is over."""
        if self._future and not self._own and not self._future.cancel():
            self._future.exception()
        self._call.clear()


def map_ordered(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 0
) -> Iterator[Result]:
    """Call ``function`` on each item in threads; yield the results in order.

    Parameters
    ----------
    function
        Anything that spends its time without the GIL.
    items
        Taken as needed.
    ahead
        How many items may be in hand at once (so many results are held in memory);
        0 for one more than there are threads.

    Notes
    -----
    After an exception, or when the iterator is closed, no call is left running.
    """
    window: deque[_Task[Item, Result]] = deque()
    limit = ahead or n_threads() + 1
    try:
        for item in items:
            window.append(_Task(function, item))
            if len(window) >= limit:
                yield _first(window)
        while window:
            yield _first(window)
    finally:
        for task in window:
            task.drop()


def _first(window: deque[_Task[Item, Result]]) -> Result:
    """Return the result of the first task, working on others while it is not there."""
    task = window[0]
    for other in window:
        if task.done():
            break
        other.begin_here()
    window.popleft()
    try:
        return task.result()
    finally:
        task.forget()


def run_all(
    function: Callable[[Item], object], items: Iterable[Item], ahead: int = 0
) -> None:
    """Call ``function`` on each item in threads, for its effect."""
    for _ in map_ordered(function, items, ahead):
        pass


class _Turns(Generic[Item, Result]):
    """Items that threads take one after the other, and results that are used in turn.

    ``ahead``: how many items may be in hand at once.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        use: Callable[[Result], object],
        ahead: int,
    ) -> None:
        self._function, self._use, self._ahead = function, use, ahead
        self._items = enumerate(items)
        self._room = Condition()
        self._results: dict[int, Result] = {}
        self._n_taken = self._n_used = 0
        self._over = self._using = False

    def work(self) -> None:
        """Work on items until there are none left."""
        try:
            while (found := self._next()) is not None:
                self._keep(found[0], self._function(found[1]))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let nobody take an item any more."""
        with self._room:
            self._over = True
            self._room.notify_all()

    def _next(self) -> tuple[int, Item] | None:
        """Return the next item with its number, None if there is none."""
        with self._room:
            self._room.wait_for(self._may_go_on)
            found = None if self._over else next(self._items, None)
            self._over = found is None
            self._n_taken += 1
            return found

    def _may_go_on(self) -> bool:
        """Tell whether few enough items are in hand, or no more are to come."""
        return self._over or self._n_taken - self._n_used < self._ahead

    def _keep(self, number: int, result: Result) -> None:
        """Keep a result; use all whose turn it is, unless another thread is at it."""
        with self._room:
            self._results[number] = result
            del result
            if self._using:
                return
            self._using = True
        while True:
            with self._room:
                self._using = self._n_used in self._results
                if not self._using:
                    return
                ready = self._results.pop(self._n_used)
            self._use(ready)
            with self._room:
                self._n_used += 1
                self._room.notify_all()


def use_in_turn(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    use: Callable[[Result], object],
    ahead: int = 0,
) -> None:
    """Call ``function`` on each item in threads, and ``use`` on the results in order.

    Better than a loop over `map_ordered` where all that is done with a result is done at
    once: a thread that has one goes on with the next item, and whose turn it is, is used
    by whichever thread comes first. So no thread waits for another.

    Parameters
    ----------
    function, items
        See `map_ordered`.
    use
        Called on one result at a time, in the order of the items, by any thread.
    ahead
        How many items may be in hand at once, from ``function`` to the end of ``use``; 0
        for one more than there are threads.

    Notes
    -----
    After an exception no call is left running.
    """
    turns = _Turns(function, items, use, ahead or n_threads() + 1)
    others = [_Task(lambda _: turns.work(), None) for _ in range(n_threads() - 1)]
    try:
        turns.work()
        for task in others:
            task.wait_if_begun()
    finally:
        turns.stop()
        for task in others:
            task.drop()


def begin(function: Callable[[], Result]) -> Callable[[], Result]:
    """Call ``function`` in a thread, meanwhile; return what waits for its result.

    Whoever waits does the call if no thread has begun it. Several threads may wait.
    """
    task: _Task[None, Result] = _Task(lambda _: function(), None)
    one_by_one = threading.Lock()

    def wait() -> Result:
        with one_by_one:
            task.begin_here()
        return task.result()

    return wait


@contextlib.contextmanager
def beside(function: Callable[[], object]) -> Iterator[None]:
    """Call ``function`` in a thread beside what this context does; it waits for the end.

    After an exception no call is left running.
    """
    task: _Task[None, object] = _Task(lambda _: function(), None)
    try:
        yield
        task.begin_here()
        task.result()
    finally:
        task.drop()


def import_meanwhile(*modules: str) -> None:
    """Import libraries in a thread of their own, while kernels and files keep others busy.

    Whoever needs one of them before waits for it.
    """

    def run() -> None:
        for module in modules:
            importlib.import_module(module)

    threading.Thread(target=run, name="imports", daemon=True).start()
