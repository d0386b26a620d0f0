"""Astrometric solutions of both pipelines against the truth: ``benchmarks.star_field``.

Runs on what ``benchmarks.recipes --only "scibasic astrometry" astrometry`` left in its
folder. The field of the simulator has 0.2 arcsec a pixel, and is rotated by the error of
its exposure.
"""

import argparse
from pathlib import Path

from astropy.io import fits

from benchmarks.night import astrometry
from pipeline.instrument import FULL

SCALE = 0.2
"""Truth [arcsec/pix]."""


def truth() -> dict[str, float]:
    """Return what the QC should say."""
    angle = astrometry(FULL).rotation_error
    scale = dict.fromkeys(("SCALE X", "SCALE Y"), SCALE)
    return scale | dict.fromkeys(("ANGLE X", "ANGLE Y"), angle)


def measured(path: Path) -> dict[str, float]:
    """Return the QC of a solution."""
    header = fits.getheader(path)
    start = "ESO QC ASTRO "
    return {k.removeprefix(start): v for k, v in header.items() if k.startswith(start)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    columns = {"truth": truth()}
    for side in ("ours", "genuine"):
        path = options.folder / side / "astrometry" / "ASTROMETRY_WCS_0001.fits"
        if path.exists():
            columns[side] = measured(path)
    print(f"{'':12s}" + "".join(f"{side:>12s}" for side in columns))
    for name in sorted({name for column in columns.values() for name in column}):
        values = (column.get(name, float("nan")) for column in columns.values())
        print(f"{name:12s}" + "".join(f"{value:12.5f}" for value in values))


if __name__ == "__main__":
    main()
