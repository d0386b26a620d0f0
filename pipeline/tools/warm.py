"""Compiling the kernels before they are needed, in several processes.

Numba compiles a kernel when it is first called with arguments of some types, one at a
time in a process; the machine code is kept for the next process. The types that a mini
month needs are listed in ``signatures.txt`` (made by ``python -m benchmarks.signatures``);
a kernel that is not in the list is compiled when it is called, as ever.
"""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pipeline.kernels
from pipeline.kernels._jit import Kernel
from pipeline.spec import Progress

SIGNATURES = Path(__file__).with_name("signatures.txt")
"""Lines of module, kernel and the types of its arguments."""

Call = tuple[str, str, str]


def listed(path: Path = SIGNATURES) -> list[Call]:
    """Return module, name and argument types of the kernels in the list."""
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    return [
        (module, name, types) for module, name, types in (x.split(" ", 2) for x in lines)
    ]


def compiled() -> Iterator[Call]:
    """Yield the kernels that this process has compiled or loaded, in order of name."""
    for found in pkgutil.iter_modules(pipeline.kernels.__path__):
        module = importlib.import_module(f"pipeline.kernels.{found.name}")
        for name, kernel in sorted(vars(module).items()):
            if isinstance(kernel, Kernel) and kernel.__module__ == module.__name__:
                yield from (
                    (found.name, name, str(types))
                    for types in kernel.dispatcher.signatures
                    if "Literal" not in str(types)
                )


def compile_kernels(calls: list[Call]) -> int:
    """Compile some kernels; return how many."""
    from numba import types

    names = {**vars(types), "bool": types.bool_}
    n_done = 0
    for module, name, text in calls:
        kernel = getattr(importlib.import_module(f"pipeline.kernels.{module}"), name, None)
        if kernel is not None:
            kernel.dispatcher.compile(eval(text, names))  # the list is ours
            n_done += 1
    return n_done


def warm(workers: int, progress: Progress | None = None) -> int:
    """Compile all kernels in the list; return how many.

    Parameters
    ----------
    workers
        Processes; each takes the kernels of one module after the other.
    progress
        Told how many modules are done.
    """
    groups: dict[str, list[Call]] = defaultdict(list)
    for call in listed():
        groups[call[0]].append(call)
    largest_first = sorted(groups.values(), key=len, reverse=True)
    n_kernels = 0
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(compile_kernels, calls) for calls in largest_first]
        for done, future in enumerate(as_completed(futures), 1):
            n_kernels += future.result()
            if progress is not None:
                progress(done, len(futures))
    return n_kernels
