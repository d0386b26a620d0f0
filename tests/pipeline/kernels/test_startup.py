"""A quick start of Numba leaves the hidden packages usable and the kernels as they are."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pipeline.kernels.startup import UNUSED, start_numba
start_numba()
assert not [name for name in UNUSED if name in sys.modules]
import numpy as np
from pipeline.kernels.defects import median
assert median(np.array([3.0, 1.0, 2.0]), 3) == 2.0
import scipy.linalg
assert scipy.linalg.norm([3.0, 4.0]) == 5.0
start_numba()
"""


def test_kernels_run_and_scipy_can_be_imported_afterwards():
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, check=True)
