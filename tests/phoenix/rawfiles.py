"""Tiny raw files for tests of the service: real keywords, empty sky."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.formats.raw_writer import write_raw
from pipeline.instrument import MINI

DPR = {
    "BIAS": ("CALIB", "BIAS"), "DARK": ("CALIB", "DARK"), "FLAT": ("CALIB", "FLAT,LAMP"),
    "ARC": ("CALIB", "WAVE"), "ILLUM": ("CALIB", "FLAT,LAMP,ILLUM"),
    "SKYFLAT": ("CALIB", "FLAT,SKY"), "STD": ("CALIB", "STD"),
    "SKY": ("SCIENCE", "SKY"), "OBJECT": ("SCIENCE", "OBJECT"),
}  # fmt: skip


def raw_file(
    folder: Path, tag: str, mjd: float, *, ifus=(1,), level=1000, **keywords
) -> Path:
    """Write a mini raw exposure with constant counts and the given keywords."""
    category, kind = DPR[tag]
    primary = fits.Header()
    primary["INSTRUME"] = "MUSE"
    primary["MJD-OBS"] = mjd
    primary["EXPTIME"] = 0.0 if tag == "BIAS" else 60.0
    primary["RA"], primary["DEC"] = 53.16, -27.79
    primary["HIERARCH ESO DPR CATG"] = category
    primary["HIERARCH ESO DPR TYPE"] = kind
    primary["HIERARCH ESO DPR TECH"] = "IFU"
    primary["HIERARCH ESO INS MODE"] = "WFM-NOAO-N"
    primary["HIERARCH ESO INS TEMP4 VAL"] = 11.5
    primary["HIERARCH ESO DET READ CURID"] = 1
    primary["HIERARCH ESO TPL START"] = f"T{int(mjd * 10):d}"
    primary["HIERARCH ESO OBS ID"] = 200000001
    primary["HIERARCH ESO OBS PROG ID"] = "60.A-9100(A)"
    primary["HIERARCH ESO OBS TARG NAME"] = "FIELD"
    if tag == "ARC":
        primary["HIERARCH ESO INS LAMPNUM"] = 6
        for lamp in (3, 4, 5):
            primary[f"HIERARCH ESO INS LAMP{lamp} ST"] = True
            primary[f"HIERARCH ESO INS SHUT{lamp} ST"] = True
    for keyword, value in keywords.items():
        primary[f"HIERARCH ESO {keyword.replace('_', ' ')}"] = value
    units = {}
    for ifu in ifus:
        header = fits.Header()
        header["HIERARCH ESO DET CHIP ID"] = f"chip-{ifu}"
        units[ifu] = np.full(MINI.raw_shape, level, np.uint16), header
    path = folder / f"MUSE.{tag}.{mjd:.6f}.fits"
    folder.mkdir(parents=True, exist_ok=True)
    write_raw(path, primary, units)
    return path
