"""Starting Numba in a fraction of its time, for commands that live a second or two.

Numba looks for packages that kernels have no use for: the linear algebra of scipy, the C
parser of cffi, the tracer of coverage. Importing them is half of its start. Of the rest
nearly half describes Python and numpy to its compiler: of no use to code compiled earlier.
"""

import gc
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType
from typing import Any

UNUSED = ("scipy", "cffi", "coverage", "yaml")


class _Hidden(MetaPathFinder):
    """Makes the packages that are not used look as if they were not installed.

    Only for the thread that makes it: others may need them meanwhile.
    """

    def __init__(self) -> None:
        self._thread = get_ident()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Refuse the packages, leave all others to the usual finders."""
        if get_ident() == self._thread and fullname.partition(".")[0] in UNUSED:
            raise ModuleNotFoundError(f"{fullname} is of no use to kernels")
        return None


def start_numba() -> None:
    """Import and initialise Numba without `UNUSED`, unless it is there already.

    Functions of Numba that need BLAS (``np.cov``) stay unavailable in this process, so only
    commands call it, not those who use the pipeline as a library. Of what it makes nothing
    is garbage; Python never searches it.
    """
    if "numba" in sys.modules:
        return
    hidden, searching = _Hidden(), gc.isenabled()
    sys.meta_path = [hidden, *sys.meta_path]  # a new list: others may go through the old
    gc.disable()
    try:
        from numba.core.caching import FunctionCache
        from numba.core.registry import cpu_target
        from numba.core.runtime.nrt import rtsys

        rtsys.initialize(cpu_target.target_context)
        importlib.import_module("numba.np.arrayobj")  # most kernels make arrays
    finally:
        sys.meta_path = [finder for finder in sys.meta_path if finder is not hidden]
        gc.freeze()
        if searching:
            gc.enable()
    setattr(FunctionCache, "load_overload", _load)  # noqa: B010 (mypy refuses methods)


def _load(cache: Any, signature: Any, context: Any) -> Any:
    """Return machine code from the cache, None if it is not there.

    As Numba does, but for the descriptions that the compiler needs: when it has to do
    something it gets them itself.
    """
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, context)
