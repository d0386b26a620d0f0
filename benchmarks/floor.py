"""The least a call can cost: inputs read, pixels passed over once, products written.

``python -m benchmarks.floor RECIPE SOF PRODUCTS`` prints wall and CPU time [s] as JSON.
``least`` reads with the readers of the pipeline (so compressed frames are unpacked), in
threads like a recipe, each image, cube and pixel table once, and writes as many bytes as
the products have to the disk. What no call can do without either is printed beside it:
``start``, of the interpreter with its libraries, and ``md5``, of the data of those products
whose headers tell it. With ``--cold`` the inputs come from the disk.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import drop_cached, measure
from pipeline.formats.headers import read_header
from pipeline.inputs import Given, open_inputs
from pipeline.parallel import keep_freed_memory, run_all
from pipeline.runner import find_recipe
from pipeline.spec import blocks

_AT_ONCE = {"raw": 128, "image": 128, "cube": 32, "pixels": 500_000}
"""Rows, planes or pixels that are read at once, by kind of input; tables are small."""
_BYTES = bytes(1 << 20)


Seconds = dict[str, float]

_START = """
from pipeline.esorex import start_quickly
start_quickly()
from pipeline.kernels.startup import start_numba
import pipeline.runner
start_numba()
"""


def floor(inputs: Sequence[Given], products: Sequence[Path]) -> Seconds:
    """Return ``wall`` and ``cpu`` [s] of reading all inputs and writing the products.

    Parameters
    ----------
    inputs
        Frames as the recipe gets them.
    products
        Files whose sizes are written, into a folder beside them that is removed.
    """
    keep_freed_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    run_all(_read, _blocks_of(inputs))
    with tempfile.TemporaryDirectory(dir=products[0].parent) as folder:
        sizes = [(Path(folder) / path.name, path.stat().st_size) for path in products]
        run_all(_write, sizes)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def hashing(products: Sequence[Path]) -> Seconds:
    """Return ``wall`` and ``cpu`` [s] of the MD5 of files that tell it, in threads."""
    products = [path for path in products if "DATAMD5" in read_header(path)]
    wall, cpu = time.perf_counter(), time.process_time()
    run_all(_md5, products)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def starting() -> Seconds:
    """Return ``wall`` and ``cpu`` [s] of a command that imports what all recipes need."""
    with tempfile.TemporaryDirectory() as folder:
        cost = measure((sys.executable, "-c", _START), Path(folder))
    return {"wall": cost.wall, "cpu": cost.cpu}


def _md5(path: Path) -> str:
    """Return the MD5 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _blocks_of(inputs: Sequence[Given]) -> Iterator[tuple[Any, slice]]:
    """Yield the frames with the parts of them that are read at once."""
    for given in inputs:
        for frame in given.frames.values():
            size = _AT_ONCE.get(given.declared.kind)
            if size is not None:
                n = frame.n_rows if given.declared.kind == "pixels" else frame.shape[0]
                yield from ((frame, rows) for rows in blocks(n, size))


def _read(part: tuple[Any, slice]) -> float:
    """Return the sum of all numbers of some rows, planes or pixels."""
    frame, rows = part
    found = frame.read(rows)
    columns = found if isinstance(found, tuple) else (found,)
    return sum(float(column.sum()) for column in columns)


def _write(file: tuple[Path, int]) -> None:
    """Write so many bytes to the disk."""
    path, size = file
    with path.open("wb") as stream:
        for start in range(0, size, len(_BYTES)):
            stream.write(_BYTES[: size - start])
        stream.flush()
        os.fsync(stream.fileno())


def main() -> None:
    """Print the floor of a call as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("sof", type=Path)
    parser.add_argument("products", type=Path, help="folder with the products of the call")
    parser.add_argument("--cold", action="store_true", help="drop the inputs from memory")
    options = parser.parse_args()
    lines = [line.split() for line in options.sof.read_text().splitlines()]
    sof = [(Path(path), tag) for path, tag in lines]
    inputs = open_inputs(find_recipe(options.recipe), sof)
    products = sorted(options.products.glob("*.fits"))
    if options.cold:
        drop_cached(path for path, _ in sof)
    parts = {"least": floor(inputs, products), "md5": hashing(products)}
    print(json.dumps({**parts, "start": starting()}))


if __name__ == "__main__":
    main()
