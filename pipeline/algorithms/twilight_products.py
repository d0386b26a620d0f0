"""Images that a TWILIGHT_CUBE carries, with the names of the genuine pipeline."""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.skyflat import CoarseGrid
from pipeline.algorithms.twilight import SmoothField
from pipeline.flags import Flag
from pipeline.spec import Image2D, Planes


def smooth_images(field: SmoothField, grid: CoarseGrid, edges: bool) -> dict[str, Image2D]:
    """Return the images behind the smooth cube by name.

    ``edges``: whether steep pixels of the vignetted region were left out.
    """
    images = {
        "white_global_fit": field_image(field.white_fit, grid, "count"),
        "white_div_global": field_image(field.ratio, grid, "1", field.bad),
    }
    vignetting = field.vignetting
    if vignetting is None:
        return images
    unused, factor = ~vignetting.used, vignetting.factor
    if edges:
        inside = np.where(vignetting.region, field.ratio, np.float32(1.0))
        images["white_div_global_excl_edges"] = field_image(inside, grid, "1", unused)
    images["vign_fit"] = field_image(factor, grid, "", ~vignetting.region)
    images["white_cor"] = field_image(field.ratio / factor, grid, "count", unused)
    return images


def field_image(
    data: NDArray[np.float32],
    grid: CoarseGrid,
    unit: str,
    flagged: NDArray[np.bool_] | None = None,
) -> Image2D:
    """Return an image of the field, with flags of its own where some are given."""
    missing = ~np.isfinite(data) if flagged is None else flagged
    dq = np.where(missing, np.uint32(Flag.MISSING_DATA), np.uint32(0)).astype(np.uint32)
    planes = Planes(data.astype(np.float32), dq, np.zeros(data.shape, np.float32))
    return Image2D(planes, unit, grid.image_keywords(), flagged is not None)
