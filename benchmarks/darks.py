"""Master darks of both pipelines against the truth: ``python -m benchmarks.darks``.

Simulates darks of two IFUs, reduces them with both pipelines on the genuine master biases
that ``benchmarks.recipes`` left in its folder, and prints, by IFU, how many of the hot
pixels were found, how many others were flagged, and what normal pixels are worth.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.chain import write_sof
from benchmarks.measure import measure
from pipeline.flags import Flag
from pipeline.instrument import FULL
from pipeline.simulator.detector import DARK_CURRENT, detector
from pipeline.simulator.exposure import Exposure, Template
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.headers import TEMPLATES

EXPTIME_S = 1800.0
IFUS = (1, 2)


def simulate_darks(folder: Path, n: int) -> list[Path]:
    """Write ``n`` darks, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    first = datetime(2026, 9, 2, 13, 0, 0, 123000, tzinfo=UTC)
    paths = []
    for k in range(n):
        start = first + timedelta(seconds=k * (EXPTIME_S + 75))
        template = Template(TEMPLATES["DARK"], first, k + 1, n)
        exposure = Exposure("DARK", start, EXPTIME_S, template, 300 + k)
        path = folder / exposure.file_name
        if not path.exists():
            simulate_exposure(exposure, FULL, folder, IFUS)
        paths.append(path)
    return paths


def reduce(side: str, where: Path, darks: Sequence[Path], biases: Path) -> None:
    """Run one of the pipelines and print what it costs."""
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    cost = None
    for ifu in IFUS if side == "genuine" else (-1,):
        masters = [biases / f"MASTER_BIAS-{i:02d}.fits" for i in IFUS if ifu in (i, -1)]
        lines = [*((p, "DARK") for p in darks), *((p, "MASTER_BIAS") for p in masters)]
        sof = write_sof(where / f"dark{ifu}.sof", lines)
        program = ["esorex", "--msg-level=warning"]
        if side == "ours":
            program = [sys.executable, "-m", "pipeline.esorex", f"--output-dir={where}"]
        one = measure([*program, "muse_dark", f"--nifu={ifu}", str(sof)], where)
        cost = one if cost is None else cost.then(one)
    assert cost is not None
    print(f"{side:10s} CPU {cost.cpu:.2f} s, peak {cost.rss:.0f} MB")


def compare(path: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield what a master says about hot and about normal pixels."""
    ccd = detector(FULL, ifu)
    hot = np.zeros(FULL.shape, bool)
    hot[ccd.hot[:, 0], ccd.hot[:, 1]] = True
    with fits.open(path) as units:
        data, dq, stat = (units[name].data for name in ("DATA", "DQ", "STAT"))
        header = units[0].header
    good = ~hot & (dq == 0)
    residual = data[good] - 3600 * DARK_CURRENT
    pull = residual / np.sqrt(stat[good])
    yield "hot pixels that are flagged", float(np.mean(dq[hot] != 0))
    yield "other pixels flagged as hot", float(np.sum((dq & Flag.HOT_PIXEL)[~hot] != 0))
    yield "normal pixels, mean error [count/h]", float(np.mean(residual, dtype=float))
    yield "normal pixels, rms [count/h]", float(np.std(residual, dtype=float))
    yield "robust pull", float(1.4826 * np.median(np.abs(pull - np.median(pull))))
    yield "QC DC over truth", float(header["ESO QC DARK MASTER DC"] / 3600 / DARK_CURRENT)


def main() -> None:
    """Print the table for three and for five darks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--biases", type=Path, help="folder with genuine master biases")
    parser.add_argument("--numbers", type=int, nargs="+", default=[3, 5])
    options = parser.parse_args()
    folder = options.folder.resolve()
    biases = (options.biases or folder / "genuine" / "bias").resolve()
    darks = simulate_darks(folder / "darks", max(options.numbers))
    for n in options.numbers:
        print(f"{n} darks")
        sides = {side: folder / side / f"dark{n}" for side in ("ours", "genuine")}
        for side, where in sides.items():
            reduce(side, where, darks[:n], biases)
        for ifu in IFUS:
            name = f"MASTER_DARK-{ifu:02d}.fits"
            rows = [dict(compare(where / name, ifu)) for where in sides.values()]
            for quantity in rows[0]:
                values = "".join(f"{row[quantity]:12.4f}" for row in rows)
                print(f"{quantity:38s} {ifu:3d}{values}")


if __name__ == "__main__":
    main()
