"""Raman light of a science exposure with adaptive optics, and what is written about it."""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.exposure_sky import SkySettings
from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.field_mask import mask_on_field
from pipeline.algorithms.lsf import read_lsf
from pipeline.algorithms.raman import FEATURES, RamanLight, raman_light
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    Image2D,
    Outputs,
    Planes,
    Product,
    Value,
)

log = logging.getLogger(__name__)

TAG = "RAMAN_IMAGES"
FLUX = "erg/(s cm2 arcsec2)"
LEAST_SKY = 0.5
"""Part of the field that the fit should have (genuine pipeline)."""

SCALE = 1e-20
"""Fluxes of the fit are in units of this [erg/s/cm^2/arcsec^2]."""

_TERMS = {"XX": "x^2", "XY": "x y", "YY": "y^2", "X": "x", "Y": "y"}


def exposure_raman(
    field: FieldExposure, frames: Frames, width: float, settings: SkySettings
) -> RamanLight | None:
    """Return the Raman light of an exposure; None if there is none to be removed.

    Only exposures with adaptive optics have it; without RAMAN_LINES it stays.

    Raises
    ------
    BadInput
        If there is no line spread function, or see `raman_light`.
    """
    lines = frames.get("RAMAN_LINES", ())
    if not lines or "-AO-" not in str(field.pixels.header.get("ESO INS MODE", "")):
        return None
    if not frames.get("LSF_PROFILE"):
        raise BadInput(
            "RAMAN_LINES can only be subtracted with LSF_PROFILE",
            file=lines[0].name,
            keyword="LSF_PROFILE",
            remedy="add LSF_PROFILE to the SOF, or leave RAMAN_LINES out",
        )
    if settings.fraction < LEAST_SKY:
        log.warning(
            "%s: Raman light is fitted to %.2f of the field; give --skymodel_fraction of "
            "%.1f or more",
            lines[0].name,
            settings.fraction,
            LEAST_SKY,
        )
    masks = frames.get("SKY_MASK", ())
    return raman_light(
        field,
        lines[0],
        read_lsf(frames["LSF_PROFILE"]),
        width=width,
        ignore=settings.ignore,
        fraction=settings.fraction,
        kappa=settings.kappa[0],
        allowed=mask_on_field(masks[0], field) if masks else None,
    )


def raman_product(**options: Any) -> Product:
    """Return the declaration of RAMAN_IMAGES."""
    doc = "Raman light over the field; images, masks and models of both features."
    return Product(TAG, "cube", doc, variance=False, **options)


def raman_qc() -> list[QC]:
    """Return the declarations of its QC."""
    spatial = [
        QC(f"QC SCIPOST RAMAN SPATIAL {name}", TAG, "", f"Factor of {term}.", True)
        for name, term in _TERMS.items()
    ]
    fluxes = [
        QC(f"QC SCIPOST RAMAN FLUX {name}", TAG, FLUX, f"Flux of the {name} feature.", True)
        for name in FEATURES
    ]
    return [*spatial, *fluxes]


def write_raman(
    out: Outputs, field: FieldExposure, light: RamanLight, unit: str, number: int
) -> None:
    """Write RAMAN_IMAGES of an exposure."""
    words: dict[str, Value] = field.grid.image_wcs()
    model = light.distribution(field)
    ny, nx = model.shape
    like = field.pixels.tables[0]
    cube = out.cube(TAG, (1, ny, nx), unit="", wcs=words, like=like, number=number)
    cube.write(slice(0, 1), _planes(model[np.newaxis]))
    images = {}
    for name, sky in light.skies.items():
        images[f"RAMAN_IMAGE_{name}"] = Image2D(_planes(sky.image), "", words)
        images[f"SKY_MASK_{name}"] = Image2D(_planes(sky.mask), "", words)
    for name in light.skies:
        flux = np.float32(light.total_flux(name) * SCALE)
        images[f"RAMAN_FIT_{name}"] = Image2D(_planes(flux * model), unit, words)
    cube.write_images(images)
    for name, factor in zip(_TERMS, light.shape, strict=True):
        cube.qc[f"QC SCIPOST RAMAN SPATIAL {name}"] = float(factor)
    for name in FEATURES:
        cube.qc[f"QC SCIPOST RAMAN FLUX {name}"] = light.total_flux(name) * SCALE


def _planes(values: NDArray[Any]) -> Planes:
    """Return an image without variance."""
    data = np.asarray(values, np.float32)
    return Planes(data, np.zeros(data.shape, np.uint32), np.zeros_like(data))
