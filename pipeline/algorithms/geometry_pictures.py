"""Cube and pictures of muse_geometry that show whether its table is right."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.mask_ifu import MaskIfu
from pipeline.algorithms.mask_images import (
    RowWindow,
    field_grid,
    field_image,
    field_planes,
    placed,
)
from pipeline.algorithms.skyflat import white_light
from pipeline.algorithms.slice_places import Places
from pipeline.flags import Flag
from pipeline.spec import Frames, Image2D, Outputs, Planes, RawFrame

log = logging.getLogger(__name__)


def write_cube(
    out: Outputs,
    ifus: Sequence[MaskIfu],
    windows: Sequence[RowWindow],
    places: Places,
    wavelengths: tuple[float, float],
) -> None:
    """Write the cube of the average exposures."""
    slices = [placed(ifu.slices, places) for ifu in ifus]
    grid = field_grid(slices, *wavelengths)
    if grid is None:
        _complain(ifus[0].raws[0], wavelengths)
        return
    cube = out.cube(
        "GEOMETRY_CUBE",
        grid.shape,
        unit="count",
        wcs=grid.keywords(),
        like=ifus[0].raws[0],
    )
    slabs = []
    for planes, slab in field_planes(grid, slices, windows, *wavelengths):
        cube.write(planes, slab)
        slabs.append(slab.data)
    image = _picture(white_light(np.concatenate(slabs)))
    cube.write_images({"white": Image2D(image, "count", grid.image_keywords())})


def write_pictures(
    out: Outputs,
    ifus: Sequence[MaskIfu],
    frames: Frames,
    places: Places,
    wavelengths: tuple[float, float],
) -> None:
    """Write a picture of the field for every exposure of another mask."""
    names = list(dict.fromkeys(raw.name for raw in frames.get("MASK_CHECK", ())))
    for number, name in enumerate(names, 1):
        raws = {raw.ifu: raw for raw in frames["MASK_CHECK"] if raw.name == name}
        there = [ifu for ifu in ifus if ifu.number in raws]
        found = field_image(
            [placed(ifu.slices, places) for ifu in there],
            [ifu.plain(raws[ifu.number]) for ifu in there],
            *wavelengths,
        )
        if found is None:
            _complain(next(iter(raws.values())), wavelengths)
            continue
        grid, data = found
        picture = out.image(
            "GEOMETRY_CHECK",
            (data.shape[0], data.shape[1]),
            unit="count",
            header=grid.image_keywords(),
            like=next(iter(raws.values())),
            number=number,
        )
        picture.write(slice(0, data.shape[0]), _picture(data))
        for raw in raws.values():
            raw.release()


def _picture(data: NDArray[np.float32]) -> Planes:
    """Return an image of the field, float32[ny, nx], without a variance."""
    dq = np.where(np.isfinite(data), 0, np.uint32(Flag.MISSING_DATA)).astype(np.uint32)
    return Planes(data, dq, np.zeros(data.shape, np.float32))


def _complain(raw: RawFrame, wavelengths: tuple[float, float]) -> None:
    """Warn that the wavelengths of the check are not there."""
    log.warning(
        "%s: no pixel lies between %g and %g Angstrom; no image is made of it: change "
        "--lambdamin and --lambdamax",
        raw.name, *wavelengths,
    )  # fmt: skip
