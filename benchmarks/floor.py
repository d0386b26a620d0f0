"""The least a call can cost: inputs read, pixels passed over once, products written.

``python -m benchmarks.floor SOF PRODUCTS`` prints wall and CPU time [s] as JSON. ``least``
reads with the readers of the pipeline (so compressed frames are unpacked), in threads like
a recipe, and writes as many bytes as the products have to the disk. What no call can do
without either is printed beside it: ``start``, of the interpreter with its libraries, and
``md5``, of the data of the products, which their headers tell.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import measure
from pipeline.formats.image import open_images
from pipeline.formats.raw import open_raw
from pipeline.parallel import keep_freed_memory, run_all
from pipeline.spec import blocks

_ROWS = 128
_BYTES = bytes(1 << 20)


Seconds = dict[str, float]

_START = """
from pipeline.esorex import start_quickly
start_quickly()
from pipeline.kernels.startup import start_numba
import pipeline.runner
start_numba()
"""


def floor(inputs: Sequence[tuple[Path, str]], products: Sequence[Path]) -> Seconds:
    """Return ``wall`` and ``cpu`` [s] of reading all inputs and writing the products.

    Parameters
    ----------
    inputs
        Raw frames and master images with their tags.
    products
        Files whose sizes are written, into a folder beside them that is removed.
    """
    keep_freed_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    run_all(_read, _frames(inputs))
    with tempfile.TemporaryDirectory(dir=products[0].parent) as folder:
        sizes = [(Path(folder) / path.name, path.stat().st_size) for path in products]
        run_all(_write, sizes)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def hashing(products: Sequence[Path]) -> Seconds:
    """Return ``wall`` and ``cpu`` [s] of the MD5 of files, in threads."""
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


def _frames(inputs: Iterable[tuple[Path, str]]) -> Iterable[Any]:
    """Yield the images in the inputs."""
    for path, tag in inputs:
        opened = open_images if tag.startswith("MASTER") else open_raw
        yield from opened(path, tag).values()


def _read(frame: Any) -> float:
    """Return the sum of all pixels of an image."""
    total = 0.0
    for rows in blocks(frame.shape[0], _ROWS):
        found = frame.read(rows)
        planes = found if isinstance(found, tuple) else (found,)
        total += sum(float(plane.sum()) for plane in planes)
    if hasattr(frame, "release"):
        frame.release()
    return total


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
    parser.add_argument("sof", type=Path)
    parser.add_argument("products", type=Path, help="folder with the products of the call")
    options = parser.parse_args()
    lines = [line.split() for line in options.sof.read_text().splitlines()]
    inputs = [(Path(path), tag) for path, tag in lines]
    products = sorted(options.products.glob("*.fits"))
    parts = {"least": floor(inputs, products), "md5": hashing(products)}
    print(json.dumps({**parts, "start": starting()}))


if __name__ == "__main__":
    main()
