"""A quick start of Numba leaves the hidden packages usable and the kernels as they are."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys
from pipeline.kernels.startup import UNUSED, start_numba
start_numba()
assert not [name for name in UNUSED if name in sys.modules]
import numpy as np
from pipeline.kernels.spread import median
assert median(np.array([3.0, 1.0, 2.0]), 3) == 2.0
import scipy.linalg
assert scipy.linalg.norm([3.0, 4.0]) == 5.0
start_numba()
"""

WARM = """
import sys
from pipeline.kernels.startup import start_numba
start_numba()
import numpy as np
from pipeline.kernels.spread import median
assert median(np.array([3.0, 1.0, 2.0]), 3) == 2.0
assert "numba.core.typing.arraydecl" not in sys.modules

from numba import njit
@njit
def compiled_now(x):
    return np.sort(x)[1:] @ np.ones(2) + len({"a": 1})
assert compiled_now(np.array([3.0, 1.0, 2.0])) == 6.0
"""

BESIDE = """
import importlib, sys, threading
from pipeline.kernels import startup

def load(name):
    importlib.import_module(name)
    loaded.append(name)

class Meanwhile(startup._Hidden):
    def find_spec(self, fullname, path=None, target=None):
        if fullname == "numba.core":  # in the middle of the start
            other = threading.Thread(target=load, args=["yaml"])
            other.start()
            other.join(20)
        return super().find_spec(fullname, path, target)

loaded, startup._Hidden = [], Meanwhile
startup.start_numba()
assert loaded == ["yaml"] and "scipy" not in sys.modules
"""

LATE = """
import gc, sys
from pipeline.kernels._jit import before_kernels, prepare_kernels
from pipeline.kernels.startup import start_numba
calls = []
before_kernels(lambda: (calls.append(gc.isenabled()), start_numba()))
import numpy as np
from pipeline.kernels.spread import median
from pipeline.kernels.words import swap
assert calls == [] and "numba" not in sys.modules
assert median(np.array([3.0, 1.0, 2.0]), 3) == 2.0
word = np.array([1], np.uint32)
swap(word)
assert word[0] == 1 << 24
assert calls == [True] and gc.isenabled()
before_kernels(lambda: calls.append("again"))
swap(word)
assert len(calls) == 1
prepare_kernels()
prepare_kernels()
assert calls == [True, "again"]
"""

CUBE = """
import sys
from pipeline.kernels.startup import start_numba
start_numba()
import numpy as np
from pipeline.kernels.planes import add_planes, empty_sheets
from pipeline.kernels.weighting import DRIZZLE
place, light = np.zeros((1, 3), np.float32), np.ones((1, 2), np.float32)
slit, rejected = np.zeros(1, np.int32), np.zeros(1, np.uint8)
start, one = np.array([0, 0, 1, 1], np.int32), (1.0, 1.0, 1.0)
data, stat = np.zeros((2, 1, 1, 1), np.float32)
sheets = empty_sheets(DRIZZLE, 1, one, (1.0, 1.0), (1, 1))
add_planes(
    place, light, slit, rejected, start, (-1, 2), np.ones(1), DRIZZLE, 1, one, 1.0,
    (1.0, 1.0), np.ones(1), 0, sheets, data, stat,
)
assert data[0, 0, 0] == stat[0, 0, 0] == 1.0
"""


def run(program):
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_kernels_run_and_scipy_can_be_imported_afterwards():
    run(PROGRAM)


def test_machine_code_is_loaded_without_the_compiler_and_others_can_be_compiled():
    run(PROGRAM)  # so that it is in the cache
    run(WARM)


def test_other_threads_may_import_meanwhile_what_numba_shall_not_find():
    run(BESIDE)


def test_the_first_kernel_starts_numba_if_it_shall_and_others_find_it_started():
    run(LATE)


def test_the_kernel_of_cubes_needs_no_linear_algebra():
    run(CUBE)  # so that it is in the cache
    run(CUBE + 'assert "numba.np.arraymath" not in sys.modules')
