"""ZAP on one cube, in a process of its own: ``python -m phoenix.zap_cube CUBE OUT``.

ZAP (Soto et al. 2016, MNRAS 458, 3210) takes the whole cube into memory several times over
and sets up logging when it is imported; both end with this process. Writes the cleaned
values as a numpy file and tells its settings on the last line, as JSON.
"""

import json
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.depth import MeanImage
from pipeline.algorithms.field_mask import blank_sky
from pipeline.formats.cards import Keywords
from pipeline.formats.cube import open_cube
from pipeline.formats.mask import MaskProduct
from pipeline.spec import Planes, blocks

CONTINUUM_WIDTH = 50
"""Width of the filter that keeps the continua of sources [pix]; 20 to 50 are advised by
ZAP's documentation."""


def sources(cube: Path) -> NDArray[np.bool_]:
    """Return where the mean image of a cube shows sources, or nothing: bool[ny, nx]."""
    frame = open_cube(cube, "DATACUBE_FINAL")
    mean = MeanImage(frame.shape[1:])
    for planes in blocks(frame.shape[0], 32):
        mean.add(frame.read(planes).data)
    return ~blank_sky(mean.image().astype(np.float32)).mask


def write_mask(mask: NDArray[np.bool_], path: Path) -> None:
    """Write a mask for ZAP: 1 where there are sources."""
    data = mask.astype(np.float32)
    product = MaskProduct(path, Keywords(), (data.shape[0], data.shape[1]))
    flags = np.zeros(data.shape, np.uint32)
    product.write(slice(0, len(data)), Planes(data, flags, data))
    product.close()


def clean(cube: Path) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return the values that ZAP leaves, float32[nz, ny, nx], and its settings.

    The zero level and the eigenspectra are those of spaxels without sources.
    """
    logging.disable(logging.CRITICAL)  # ZAP logs to the standard output
    import zap

    with TemporaryDirectory() as folder:
        mask = Path(folder) / "mask.fits"
        write_mask(sources(cube), mask)
        found = zap.process(
            str(cube),
            interactive=True,
            mask=str(mask),
            ncpu=1,
            cfwidthSP=CONTINUUM_WIDTH,
        )
    settings = {
        "version": zap.__version__,
        "zlevel": str(found.run_zlevel),
        "cftype": "median",
        "cfwidthSP": CONTINUUM_WIDTH,
        "nevals": ",".join(str(int(n)) for n in found.nevals),
    }
    return np.asarray(found.cleancube, np.float32), settings


def main() -> None:
    """Clean a cube."""
    cube, out = (Path(word) for word in sys.argv[1:3])
    values, settings = clean(cube)
    np.save(out, values)
    print(json.dumps(settings))  # noqa: T201


if __name__ == "__main__":
    main()
