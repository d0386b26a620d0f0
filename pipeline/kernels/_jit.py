"""The only place where Numba is configured.

Numba's own cache misses edits in callees and in imported constants of other modules,
so the machine code of a module lives in a folder named by a hash of all sources that
it can depend on: its own and those of the kernel modules it imports, in depth.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])

_KERNELS = Path(__file__).parent
_IMPORT = re.compile(r"^from pipeline\.(kernels\.(\w+)|flags|instrument) import", re.M)


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
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(_sources(path)):
        digest.update(source.read_bytes())
    home = os.environ.get("PHOENIX_NUMBA_CACHE")
    root = Path(home) if home else Path.home() / ".cache" / "phoenix" / "numba"
    return str(root / f"{path.stem}-{digest.hexdigest()[:16]}")


def kernel(function: F) -> F:
    """Compile ``function`` without fast-math and without hidden threads.

    Fast-math and parallel reductions change results between machines; threads
    over IFUs or slabs use the cores, since kernels release the GIL.
    """
    source = Path(function.__code__.co_filename).resolve()
    setattr(config, "CACHE_DIR", _cache_folder(source))  # noqa: B010 (mypy cannot see it)
    compiler = njit(cache=True, nogil=True, fastmath=False, error_model="numpy")
    return cast(F, compiler(function))
