"""The only place where Numba is configured.

A kernel meets Numba when it is first called or compiled into another one, not when its
module is imported: texts of recipes need no kernels, and Numba takes half a second.
Numba's own cache misses edits in callees and in imported constants of other modules,
so the machine code of a module lives in a folder named by a hash of all sources that
it can depend on: its own and those of the kernel modules it imports, in depth.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache, update_wrapper
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_KERNELS = Path(__file__).parent
_IMPORT = re.compile(r"^from pipeline\.(kernels\.(\w+)|flags|instrument) import", re.M)
_CONFIGURING = RLock()
_BEFORE: list[Callable[[], object]] = []


@cache
def _sources(path: Path) -> frozenset[Path]:
    """Return ``path`` and every kernel or constant module it imports, in depth."""
    found = {path}
    for whole, kernel_module in _IMPORT.findall(path.read_text()):
        name = f"{kernel_module}.py" if kernel_module else f"../{whole}.py"
        imported = (_KERNELS / name).resolve()
        if imported != path:
            found |= _sources(imported)
    return frozenset(found)


@cache
def _cache_folder(path: Path) -> str:
    """Return the folder for machine code made from exactly these sources."""
    import numba

    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(_sources(path)):
        digest.update(source.read_bytes())
    home = os.environ.get("PHOENIX_NUMBA_CACHE")
    root = Path(home) if home else Path.home() / ".cache" / "phoenix" / "numba"
    return str(root / f"{path.stem}-{digest.hexdigest()[:16]}")


def before_kernels(function: Callable[[], object]) -> None:
    """Have a function called before Numba is first asked for a kernel, if ever it is."""
    _BEFORE.append(function)


def prepare_kernels() -> None:
    """Do now what is to be done before the first kernel, for who will soon call some."""
    with _CONFIGURING:
        while _BEFORE:
            _BEFORE.pop()()


class Kernel:
    """A function that Numba compiles, or loads from its cache, when it is needed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the machine code for arguments of these types."""
        return (self._compiled or self.dispatcher)(*arguments)

    @property
    def dispatcher(self) -> Any:
        """What Numba makes of the function; made once."""
        with _CONFIGURING:  # the folder is a setting of the whole process
            if self._compiled is None:
                prepare_kernels()
                self._compiled = _compiler(Path(self.py_func.__code__.co_filename))(
                    self.py_func
                )
        return self._compiled

    @property
    def _numba_type_(self) -> Any:
        """What other kernels take it for when they are compiled (a hook of Numba)."""
        import numba

        typeof: Callable[[Any], Any] = numba.typeof
        return typeof(self.dispatcher)


class CFunction:
    """A function of the C library that kernels call; Numba looks at it when they do.

    Parameters
    ----------
    name
        Of the function.
    signature
        Its types in the words of Numba: ``result(argument, ...)``.
    """

    def __init__(self, name: str, signature: str) -> None:
        self._name, self._signature = name, signature

    def __call__(self, *arguments: Any) -> Any:
        """Refuse: it is for kernels."""
        raise TypeError(f"{self._name} of {len(arguments)} arguments is for kernels")

    @property
    def _numba_type_(self) -> Any:
        """What kernels take it for when they are compiled (a hook of Numba)."""
        import numba

        core: Any = numba.core
        arguments, result = core.sigutils.normalize_signature(self._signature)
        signature = core.typing.templates.signature(result, *arguments)
        return core.types.ExternalFunction(self._name, signature)


def _compiler(source: Path) -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator for functions of a source, with the folder of its code set."""
    from numba import config, njit

    folder = _cache_folder(source.resolve())
    setattr(config, "CACHE_DIR", folder)  # noqa: B010 (mypy cannot see it)
    compiler: Callable[[Callable[..., Any]], Any] = njit(
        cache=True, nogil=True, fastmath=False, error_model="numpy"
    )
    return compiler


def kernel(function: F) -> F:
    """Compile ``function`` without fast-math and without hidden threads.

    Fast-math and parallel reductions change results between machines; threads
    over IFUs or slabs use the cores, since kernels release the GIL.
    """
    return cast(F, Kernel(function))
