"""The truth beside the frames: what the reduction should find."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from pipeline.instrument import Size
from pipeline.simulator import sky
from pipeline.simulator.atmosphere import extinction, refraction, seeing
from pipeline.simulator.detector import detector
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.night import field_centre
from pipeline.simulator.optics import optics
from pipeline.simulator.pointing import field_position, true_centre, velocity

NIGHT_KINDS = ("STD", "SKY", "OBJECT", "ASTROMETRY")
"""Exposures of the sky at night."""


def exposure_truth(exposure: Exposure, size: Size, ifus: Sequence[int]) -> dict[str, Any]:
    """Return what is true of one exposure, ready for JSON; keys are explained in README."""
    truth: dict[str, Any] = {
        "file": exposure.file_name,
        "kind": exposure.kind,
        "lamp": exposure.lamp,
        "size": size.name,
        "ifus": list(ifus),
        "exptime": exposure.exptime,
        "seed": exposure.seed,
        "drift_x_pix": exposure.drift.x,
        "drift_wavelength_angstrom": exposure.drift.wavelength,
        "temperature": exposure.temperature,
        "ob": exposure.ob.id,
        "prog_id": exposure.ob.prog_id,
        "mode": exposure.mode,
        "dark_lamp": exposure.dark_lamp,
        "truncated": exposure.truncated,
        "mask": exposure.mask,
        "layout": exposure.layout,
    }
    if exposure.kind in NIGHT_KINDS:
        truth.update(_night(exposure, size, ifus))
    return truth


def _night(exposure: Exposure, size: Size, ifus: Sequence[int]) -> dict[str, Any]:
    """Return what is true of an exposure of the sky."""
    wavelength = np.arange(size.blue, size.red + 1, 200.0)
    shift = np.stack(refraction(exposure, wavelength), axis=1)
    lines, fluxes = sky.sky_lines(exposure.seed)
    inside = (lines > size.blue) & (lines < size.red)
    centre = np.array(field_centre(size, ifus))
    places = [
        {
            "name": source.name,
            "field_x_pix": float(x),
            "field_y_pix": float(y),
        }
        for source in exposure.scene.sources
        for x, y in [np.array(field_position(exposure, source.ra, source.dec)) + centre]
    ]
    ra, dec = true_centre(exposure)
    return {
        "pointing": asdict(exposure.pointing),
        "true_ra": ra,
        "true_dec": dec,
        "error_east_north_arcsec": list(exposure.error),
        "rotation_error_deg": exposure.rotation_error,
        "position_angle_deg": exposure.position_angle,
        "airmass": exposure.airmass(exposure.exptime / 2),
        "barycentric_correction_km_s": velocity(exposure),
        "conditions": asdict(exposure.conditions),
        "wavelength": wavelength.tolist(),
        "seeing_fwhm_arcsec": seeing(exposure, wavelength).tolist(),
        "refraction_pix": shift.tolist(),
        "extinction_mag": extinction(wavelength).tolist(),
        "sky_continuum": sky.sky_continuum(wavelength, exposure.seed).tolist(),
        "sky_lines": np.stack([lines[inside], fluxes[inside]], axis=1).tolist(),
        "places": places,
        "scene": exposure.scene.truth(),
    }


def write_truth(truths: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the truths of exposures as one JSON file."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return value.item() if isinstance(value, np.generic) else str(value)

    path.write_text(json.dumps(list(truths), indent=1, default=plain) + "\n")


def write_instrument_truth(size: Size, ifu: int, path: Path, layout: int = 0) -> None:
    """Write traces, wavelengths, line spread, geometry and detector of one IFU as FITS.

    Extensions: EDGES [2, slice, row] (left, right, 1-based trimmed pixels), WAVE
    [coefficient, slice, row] (powers of u = 2 (x - centre) / width), GEOMETRY (table),
    LSF (table: standard deviation and skewing part at some wavelengths), PORTS (table),
    RESPONSE [row, column] (pixel flat), HOT and DARK (tables of pixels).
    """
    truth, ccd = optics(size, ifu).rearranged(layout), detector(size, ifu)
    wavelength = np.arange(size.blue, size.red + 1, 50.0)
    geometry = {
        "SliceCCD": np.arange(1, size.n_slices + 1),
        "x": truth.sky_x,
        "y": truth.sky_y,
        "width": truth.sky_width,
        "angle": truth.sky_angle,
        "throughput": truth.throughput,
        "warming": truth.warming,
    }
    spread = {
        "wavelength": wavelength,
        "sigma": truth.lsf.total_sigma(wavelength).T,
        "parameters": np.moveaxis(truth.lsf.parameters(wavelength), 1, 0).copy(),
    }
    ports = {
        "port": np.arange(1, 5),
        "bias": ccd.bias,
        "gain": ccd.gain,
        "read_noise": ccd.read_noise,
    }
    defects = [
        _table(name, {"y": pixels[:, 0] + 1, "x": pixels[:, 1] + 1})
        for name, pixels in (("HOT", ccd.hot), ("DARK", ccd.dark))
    ]
    units = [
        fits.PrimaryHDU(),
        fits.ImageHDU(np.stack([truth.left, truth.right]), name="EDGES"),
        fits.ImageHDU(np.moveaxis(truth.wave, -1, 0).copy(), name="WAVE"),
        _table("GEOMETRY", geometry),
        _table("LSF", spread),
        _table("PORTS", ports),
        fits.ImageHDU(ccd.response, name="RESPONSE"),
        *defects,
    ]
    units[0].header["IFU"] = ifu
    fits.HDUList(units).writeto(path, overwrite=True, checksum=True)


def _table(name: str, columns: dict[str, np.ndarray[Any, Any]]) -> fits.BinTableHDU:
    """Return a table extension."""
    dtype = [(key, value.dtype, value.shape[1:]) for key, value in columns.items()]
    rows = np.zeros(len(next(iter(columns.values()))), dtype)
    for key, value in columns.items():
        rows[key] = value
    return fits.BinTableHDU(rows, name=name)
