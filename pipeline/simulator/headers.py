"""Headers of raw frames: real cards of a MUSE exposure, with the values of ours."""

import math
from functools import cache
from pathlib import Path

from astropy.io import fits

from pipeline.instrument import Size
from pipeline.simulator.detector import Detector
from pipeline.simulator.exposure import ELEVATION, LATITUDE, LONGITUDE, Exposure

Entry = tuple[str, bool | int | float | str, str]

_PRIMARY = Path(__file__).with_name("primary_header.txt")
_CHANNEL = Path(__file__).with_name("channel_header.txt")

DPR = {
    "BIAS": ("CALIB", "BIAS"),
    "DARK": ("CALIB", "DARK"),
    "FLAT": ("CALIB", "FLAT,LAMP"),
    "ILLUM": ("CALIB", "FLAT,LAMP,ILLUM"),
    "ARC": ("CALIB", "WAVE"),
    "SKYFLAT": ("CALIB", "FLAT,SKY"),
    "STD": ("CALIB", "STD"),
    "ASTROMETRY": ("CALIB", "ASTROMETRY"),
    "MASK": ("CALIB", "WAVE,MASK"),
    "MASK_CHECK": ("CALIB", "FLAT,LAMP,MASK"),
    "SKY": ("SCIENCE", "SKY"),
    "OBJECT": ("SCIENCE", "OBJECT"),
}
"""DPR CATG and TYPE of each kind of exposure."""

TEMPLATES = {
    "BIAS": "MUSE_cal_bias",
    "DARK": "MUSE_cal_dark",
    "FLAT": "MUSE_wfm_cal_flat",
    "ILLUM": "MUSE_wfm_cal_illum",
    "ARC": "MUSE_wfm_cal_wave",
    "SKYFLAT": "MUSE_wfm_cal_skyflat",
    "STD": "MUSE_wfm-noao_cal_specphot",
    "ASTROMETRY": "MUSE_wfm-noao_cal_astrom",
    "MASK": "MUSE_wfm_cal_geom",
    "MASK_CHECK": "MUSE_wfm_cal_geom",
    "SKY": "MUSE_wfm-noao_obs_genericoffset",
    "OBJECT": "MUSE_wfm-noao_obs_genericoffset",
}
"""TPL ID of each kind of exposure."""

_LAMPS = {
    "FLAT": (1, 2),
    "ILLUM": (1, 2),
    "MASK": (3, 5, 6),
    "MASK_CHECK": (1, 2),
    "Ne": (3, 6),
    "Xe": (4,),
    "HgCd": (5,),
}

ENCODER_STEPS = 704638 / 14.5
"""Steps of the encoder of the mask's drive [1/mm], as in a real header."""

_ASTEROIDS = (
    "psyche ceres pallas juno vesta astraea hebe iris flora metis hygiea parthenope "
    "victoria egeria irene eunomia thetis melpomene fortuna massalia lutetia kalliope "
    "thalia themis"
)
CHIPS = _ASTEROIDS.split()
"""DET CHIP ID of channels 1 to 24; the first is real, the others are invented."""


@cache
def _template(path: Path) -> fits.Header:
    """Return the shipped cards."""
    return fits.Header.fromstring(path.read_text(), sep="\n")


def primary_header(exposure: Exposure) -> fits.Header:
    """Return the primary header of an exposure."""
    header = _template(_PRIMARY).copy()
    entries = _basic(exposure) + _observation(exposure) + _lamp_states(exposure)
    entries += _telescope(exposure) + _instrument(exposure)
    _fill(header, entries)
    return header


def _fill(header: fits.Header, entries: list[Entry]) -> None:
    """Set cards; the comment of an existing card stays unless there is a new one."""
    for name, value, comment in entries:
        key = f"HIERARCH {name}" if name.startswith("ESO ") else name
        about = comment or (header.comments[name] if name in header else "")
        room = 80 - len(str(fits.Card(key, value)).rstrip()) - len(" / ")
        header[name if name in header else key] = (value, about[: max(room, 0)].rstrip())


def _basic(e: Exposure) -> list[Entry]:
    catg, kind = DPR[e.kind]
    number = e.start.timetuple().tm_yday
    origin = f"MUSE_{e.kind}{number:03d}_{e.seed % 10000:04d}.fits"
    return [
        ("DATE", e.timestamp, "Date this file was written"),
        ("RA", e.pointing.ra, "[deg] RA (J2000) pointing"),
        ("DEC", e.pointing.dec, "[deg] DEC (J2000) pointing"),
        ("RADECSYS", "FK5", ""),
        ("EXPTIME", float(e.exptime), ""),
        ("MJD-OBS", round(e.mjd, 8), ""),
        ("DATE-OBS", e.timestamp, ""),
        ("UTC", round(e.mjd % 1 * 86400, 3), "[s] UTC at start"),
        ("LST", round(e.sidereal_time(), 3), "[s] LST at start"),
        ("PI-COI", "SIMULATION", ""),
        ("OBSERVER", "SIMULATION", ""),
        ("OBJECT", e.ob.target if catg == "SCIENCE" or e.kind == "STD" else kind, "Target"),
        ("ARCFILE", e.file_name, "Archive File Name"),
        ("ORIGFILE", origin, "Original File Name"),
        ("ESO DPR CATG", catg, "Observation category"),
        ("ESO DPR TYPE", kind, "Observation type"),
        ("ESO DPR TECH", "IFU", "Observation technique"),
    ]


def _observation(e: Exposure) -> list[Entry]:
    start = e.template.start.strftime("%Y-%m-%dT%H:%M:%S")
    return [
        ("ESO OBS ID", e.ob.id, ""),
        ("ESO OBS NAME", e.ob.name, ""),
        ("ESO OBS PROG ID", e.ob.prog_id, ""),
        ("ESO OBS TARG NAME", e.ob.target, ""),
        ("ESO OBS START", start, ""),
        ("ESO OBS TPLNO", 1, ""),
        ("ESO OBS NTPL", 1, ""),
        ("ESO TPL ID", e.template.id, ""),
        ("ESO TPL NAME", e.template.id.replace("_", " "), ""),
        ("ESO TPL START", start, ""),
        ("ESO TPL EXPNO", e.template.expno, ""),
        ("ESO TPL NEXP", e.template.nexp, ""),
        ("ESO TPL VERSION", "simulated", ""),
    ]


def _lamp_states(e: Exposure) -> list[Entry]:
    warm = e.kind in ("FLAT", "ILLUM", "ARC", "BIAS", "MASK", "MASK_CHECK")
    shining = _LAMPS.get(e.lamp if e.kind == "ARC" else e.kind, ())
    entries: list[Entry] = []
    for n in range(1, 7):
        entries.append((f"ESO INS LAMP{n} ST", warm, ""))
        entries.append((f"ESO INS SHUT{n} ST", n in shining, ""))
    return entries


def _telescope(e: Exposure) -> list[Entry]:
    c, end = e.conditions, e.exptime
    delivered = c.seeing * e.airmass(end / 2) ** 0.6
    sexagesimal = (_packed(e.pointing.ra / 15), _packed(e.pointing.dec))
    entries: list[Entry] = [
        ("ESO TEL GEOLAT", LATITUDE, ""),
        ("ESO TEL GEOLON", LONGITUDE, ""),
        ("ESO TEL GEOELEV", ELEVATION, ""),
        ("ESO TEL AIRM START", round(e.airmass(), 3), ""),
        ("ESO TEL AIRM END", round(e.airmass(end), 3), ""),
        ("ESO TEL ALT", round(math.degrees(e.altitude()), 3), ""),
        ("ESO TEL AZ", round(math.degrees(e.azimuth()), 3), ""),
        ("ESO TEL PARANG START", round(math.degrees(e.parallactic_angle()), 3), ""),
        ("ESO TEL PARANG END", round(math.degrees(e.parallactic_angle(end)), 3), ""),
        ("ESO TEL AMBI TEMP", c.temperature, ""),
        ("ESO TEL AMBI RHUM", c.humidity, ""),
        ("ESO TEL AMBI PRES START", c.pressure, ""),
        ("ESO TEL AMBI PRES END", round(c.pressure + 0.05, 2), ""),
        ("ESO TEL AMBI FWHM START", round(c.seeing * 1.05, 2), ""),
        ("ESO TEL AMBI FWHM END", round(c.seeing * 0.98, 2), ""),
        ("ESO TEL IA FWHM", round(c.seeing, 2), ""),
        ("ESO TEL IA FWHMLIN", round(delivered, 2), ""),
        ("ESO TEL IA FWHMLINOBS", round(delivered, 2), ""),
        ("ESO TEL TARG ALPHA", sexagesimal[0], ""),
        ("ESO TEL TARG DELTA", sexagesimal[1], ""),
    ]
    for axis in "XY":
        for name, factor in (("AVG", 1.0), ("MED", 0.99), ("MIN", 0.9), ("MAX", 1.15)):
            key = f"ESO OCS SGS AG FWHM{axis} {name}"
            entries.append((key, round(delivered * factor, 3), ""))
        entries.append((f"ESO OCS SGS AG FWHM{axis} RMS", round(0.05 * delivered, 3), ""))
    for name, factor in (("AVG", 0.97), ("MED", 0.97), ("MIN", 0.88), ("MAX", 1.1)):
        entries.append((f"ESO OCS SGS FWHM {name}", round(delivered * factor, 3), ""))
    return entries


def _packed(degrees: float) -> float:
    """Return degrees (or hours) as the number ddmmss.sss that TEL TARG uses."""
    seconds = round(abs(degrees) * 3600, 3)
    minutes, s = divmod(seconds, 60)
    d, m = divmod(minutes, 60)
    return math.copysign(d * 10000 + m * 100 + round(s, 3), degrees)


def _instrument(e: Exposure) -> list[Entry]:
    masked = e.kind in ("MASK", "MASK_CHECK")
    inside = masked or e.kind in ("BIAS", "DARK", "FLAT", "ILLUM", "ARC")
    return [
        *(_mask(e) if masked else ()),
        ("ESO INS MODE", e.mode, ""),
        ("ESO INS OPTI1 NAME", "Blue" if e.mode.endswith("N") else "Clear", ""),
        ("ESO INS OPTI2 NAME", "WFM", ""),
        ("ESO INS OPTI3 NAME", "CALIB" if inside else "WFM", ""),
        ("ESO INS DROT MODE", "STAT" if inside else "SKY", ""),
        ("ESO INS DROT POSANG", 90.0 if masked else e.pointing.posang, ""),
        ("ESO INS TEMP4 VAL", round(e.temperature, 2), "[C] Ambient temperature"),
        ("ESO INS TEMP4 NAME", "Ambient temp.", ""),
        ("ESO INS TEMP4 ID", "CAAT", ""),
        ("ESO DET BINX", 1, ""),
        ("ESO DET BINY", 1, ""),
        ("ESO DET READ CURID", e.readout, ""),
        ("ESO DET READ CURNAME", f"SCI{e.readout}.0", ""),
        ("ESO DET DIT1", float(e.exptime), ""),
        ("ESO DET UIT1", float(e.exptime), ""),
        ("ESO DET DKTM", float(e.exptime), ""),
        ("ESO DET EXP NO", e.seed % 100000, ""),
        ("ESO DET EXP TYPE", {"BIAS": "Bias", "DARK": "Dark"}.get(e.kind, "Normal"), ""),
        ("ESO OCS DET IMGNAME", e.template.id.upper(), ""),
    ]


def _mask(e: Exposure) -> list[Entry]:
    """Return which mask stands in the focal plane of the calibration unit, and where.

    The derotator stands at 90 degrees, so that POS3 is the height in the field.
    """
    if e.kind == "MASK_CHECK":
        return [("ESO INS OPTI4 NAME", "Trace", "")]
    return [
        ("ESO INS OPTI4 NAME", "MultiP", ""),
        ("ESO INS POS3 ENC", round(e.mask * ENCODER_STEPS), ""),
        ("ESO INS POS3 POS", round(e.mask, 6), ""),
    ]


def channel_header(ccd: Detector) -> fits.Header:
    """Return the header of the extension of one IFU."""
    size: Size = ccd.size
    header = _template(_CHANNEL).copy()
    ny, nx = size.shape
    places = ((1, 1), (nx, 1), (nx, ny), (1, ny))
    entries: list[Entry] = [
        ("ESO DET CHIP NAME", f"CHAN{ccd.ifu:02d}", ""),
        ("ESO DET CHIP ID", CHIPS[ccd.ifu - 1], ""),
        ("ESO DET CHIP INDEX", ccd.ifu, ""),
        ("ESO DET CHIP NX", nx, ""),
        ("ESO DET CHIP NY", ny, ""),
    ]
    for n, (x, y) in enumerate(places, 1):
        gain = float(ccd.gain[n - 1])
        entries += [
            (f"ESO DET OUT{n} GAIN", gain, ""),
            (f"ESO DET OUT{n} CONAD", round(1 / gain, 3), ""),
            (f"ESO DET OUT{n} RON", float(ccd.read_noise[n - 1]), ""),
            (f"ESO DET OUT{n} X", x, ""),
            (f"ESO DET OUT{n} Y", y, ""),
            (f"ESO DET OUT{n} NX", size.quadrant_nx, ""),
            (f"ESO DET OUT{n} NY", size.quadrant_ny, ""),
        ]
        for name in ("PRSCX", "PRSCY", "OVSCX", "OVSCY"):
            what = "Prescan" if name.startswith("PR") else "Overscan"
            entries.append(
                (f"ESO DET OUT{n} {name}", size.scan, f"{what} region in {name[-1]}")
            )
    _fill(header, entries)
    return header
