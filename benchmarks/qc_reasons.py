"""Why QC values differ from the genuine ones, and by how much they may.

Each reason names its row in ``docs/differences.md`` (the first cell). The bounds are those
that the reason predicts or that were measured on the frames of ``benchmarks.night`` with
some margin, so that a new deviation is not covered by it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

Value = bool | int | float | str


class Reason(NamedTuple):
    """Why a keyword of a call differs.

    Parameters
    ----------
    call, keyword
        Label of the call, or its first words; keyword with ``#`` for running numbers.
    row
        First cell of its row in ``docs/differences.md``.
    ratio
        Least and largest value of ours over genuine.
    apart
        Largest absolute difference, where values are near zero or extremes of noise.
    middle
        Least and largest median ratio of all such keywords of the call.
    either_sign
        Whether the sign may be the other one.
    may_lack
        Whether the genuine pipeline may lack it.
    left_out
        Whether ours may lack it.
    placeholder
        What a pipeline writes where it has measured nothing; the other one may have a
        value there, and ours may leave the keyword out.
    """

    call: str
    keyword: str
    row: str
    ratio: tuple[float, float] = (1.0, 1.0)
    apart: float = 0.0
    middle: tuple[float, float] = (-np.inf, np.inf)
    either_sign: bool = False
    may_lack: bool = False
    left_out: bool = False
    placeholder: float | range = np.nan

    def explains(self, ours: Value | None, genuine: Value | None) -> bool:
        """Whether a pair of values differs as it should."""
        if genuine is None:
            return self.may_lack and ours is not None
        held = self.placeholder
        stand_ins = held if isinstance(held, range) else (held,)
        if ours in stand_ins or genuine in stand_ins:
            return True
        if ours is None:
            return self.left_out
        if not (isinstance(ours, int | float) and isinstance(genuine, int | float)):
            return False
        if self.either_sign:
            ours, genuine = abs(ours), abs(genuine)
        low, high = self.ratio
        return abs(ours - genuine) <= self.apart or (
            genuine != 0 and low <= ours / genuine <= high
        )

    def expects(self, ratios: Sequence[float]) -> bool:
        """Whether all ratios together are as they should be."""
        low, high = self.middle
        return len(ratios) == 0 or low <= float(np.median(ratios)) <= high


_ERRORS = "QC RONERR, DCERR"
_CLIPPED = "single deviating values in stacks of three or five biases or darks"
_BIAS = "QC MEDIAN, MEAN, SLOPE, MIN and MAX of a master bias"
_FOUND = "QC WAVECAL NDET, NID, PEAK MEAN and STDEV"
_KEPT = "QC WAVECAL PEAK MIN, FIT NLINES, DWLEN"
_WIDTHS = "QC WAVECAL FWHM and RESOL"
_GAPS = "QC TWILIGHT MASTER STDEV, MIN and MAX"
_SOURCES = "QC NDET, POS and FWHM of cubes"
_LINES = "fluxes of sky lines"
_EDGES = "sources of muse_exp_align at the edge of the field"
_STARS = "stars of muse_astrometry"
_SLICE = "WAVECAL SLICE# "
_LAMP = _SLICE + "LAMP# LINES PEAK "


def sources(call: str, name: str) -> Iterator[Reason]:
    """Yield the reasons for sources in a cube: ours are looked for in eleven planes."""
    yield Reason(call, f"{name} NDET", _SOURCES, (1.0, 4.0))
    yield Reason(call, f"{name} FWHM NVALID", _SOURCES, (1.0, 4.0))
    for axis in "XY":
        yield Reason(call, f"{name} POS# {axis}", _SOURCES, apart=1.0, may_lack=True)
        yield Reason(
            call,
            f"{name} FWHM# {axis}",
            _SOURCES,
            (0.8, 1.25),
            middle=(0.93, 1.07),
            may_lack=True,
            placeholder=-1.0,
        )
    for word in ("MEDIAN", "MAD"):
        yield Reason(call, f"{name} FWHM {word}", _SOURCES, apart=0.4, placeholder=0.0)


def geometry() -> Iterator[Reason]:
    """Yield the reasons for spots and slices of the pinhole mask."""
    spots, smoothed = "flux of a spot in SPOTS_TABLE", "smoothing of the geometry"
    yield Reason("geometry", "GEO EXP# FWHM STDEV", spots, (0.05, 2.6), middle=(0.9, 1.3))
    yield Reason("geometry", "GEO FWHM STDEV", spots, (0.3, 1.2))
    wlen = "GEO IFU# WLEN#"
    yield Reason("geometry", wlen, "lines of muse_geometry", may_lack=True)
    for word, ratio in (
        ("MEAN", (1.8, 2.4)),
        ("MEDIAN", (1.8, 2.4)),
        ("STDEV", (1.0, 5.0)),
    ):
        yield Reason(
            "geometry",
            f"{wlen} FLUX {word}",
            spots,
            ratio,
            may_lack=True,
            placeholder=range(2, 40),  # the number of a line that it does not find again
        )
    x, y = "place of a slice in x", "place of a slice in y"
    yield Reason("geometry", "GEO IFU# ANGLE", y, apart=0.01)
    yield Reason("geometry", "GEO MASK ANGLE", y, apart=0.01)
    yield Reason("geometry", "GEO IFU# GAPPOS MEAN", x, apart=0.1)
    yield Reason("geometry", "GEO GAPPOS MEAN", x, apart=0.1)
    yield Reason("geometry", "GEO GAPPOS STDEV", x, apart=0.1, placeholder=0.0)
    for word in ("NX", "NY", "NANGLE", "NWIDTH"):
        yield Reason("geometry", f"GEO SMOOTH {word}", smoothed, apart=60.0)


def ours_alone(call: str, name: str) -> Iterator[Reason]:
    """Yield the reasons for what the genuine pipeline does not tell of a cube."""
    for word in ("EXP# NCOSMIC", "EXP# IFU# NCOSMIC"):
        yield Reason(call, f"{name} {word}", "QC EXP# NCOSMIC", may_lack=True)
    for word in ("NOISE BOX#", "NOISE BIN#", "NOISE LAM#", "NOISE LAM# BOX10"):
        yield Reason(call, f"{name} {word}", "noise of sums over voxels", may_lack=True)


REASONS = (
    Reason("bias", "BIAS MASTER# RONERR", _ERRORS, (0.005, 0.05)),
    Reason("bias", "BIAS MASTER# MEDIAN", _BIAS, apart=0.004),
    Reason("bias", "BIAS MASTER# MEAN", _BIAS, apart=0.002),
    Reason("bias", "BIAS MASTER# STDEV", _CLIPPED, (0.94, 1.0)),
    Reason("bias", "BIAS MASTER# MIN", _BIAS, (0.9, 1.3)),
    Reason("bias", "BIAS MASTER# MAX", _BIAS, (0.9, 1.1)),
    Reason("bias", "BIAS MASTER# SLOPE X", _BIAS, apart=1e-6),
    Reason("bias", "BIAS MASTER# SLOPE Y", _BIAS, apart=1e-6),
    Reason("bias", "BIAS MASTER NBADPIX", "bad columns of a master bias", (0.6, 0.75)),
    Reason("dark", "DARK MASTER NBADPIX", _CLIPPED, (0.14, 0.17)),
    Reason("dark", "DARK MASTER MIN", _CLIPPED, (1.0, 1.2)),
    Reason("dark", "DARK MASTER MAX", _CLIPPED, (0.5, 0.8)),
    Reason("dark", "DARK MASTER DCERR", _ERRORS, (0.01, 0.03)),
    Reason("dark", "DARK MASTER NSATURATED", "QC NSATURATED of a master", apart=20),
    Reason("flat", "FLAT MASTER MIN", "QC FLAT MASTER MIN", (0.88, 1.0)),
    Reason(
        "flat",
        "TRACE SLICE# MAXSLOPE",
        "QC TRACE SLICEn MAXSLOPE",
        (0.9, 1.1),
        apart=5e-5,
        middle=(0.99, 1.01),
        either_sign=True,
    ),
    Reason("wavecal", _SLICE + "LINES NDET", _FOUND, (1.55, 1.75)),
    Reason("wavecal", _SLICE + "LINES NID", _FOUND, (0.85, 0.95)),
    Reason("wavecal", _SLICE + "LINES PEAK MEAN", _FOUND, (1.05, 1.16)),
    Reason("wavecal", _SLICE + "LINES PEAK STDEV", _FOUND, (1.01, 1.07)),
    Reason("wavecal", _LAMP + "MEAN", _FOUND, (0.92, 1.25)),
    Reason("wavecal", _LAMP + "STDEV", _FOUND, (0.95, 1.13)),
    Reason("wavecal", _SLICE + "LINES PEAK MIN", _KEPT, (0.9, 1.1), middle=(0.97, 1.01)),
    Reason("wavecal", _SLICE + "LINES FWHM STDEV", _WIDTHS, (0.91, 1.01)),
    Reason("wavecal", _SLICE + "LINES FWHM MIN", _WIDTHS, (0.92, 1.6), middle=(0.94, 0.96)),
    Reason("wavecal", _SLICE + "LINES FWHM MAX", _WIDTHS, (0.92, 0.99)),
    Reason("wavecal", _SLICE + "FIT NLINES", _KEPT, (1.02, 1.1)),
    Reason("wavecal", _SLICE + "DWLEN BOTTOM", _KEPT, apart=0.06),
    Reason("wavecal", _SLICE + "DWLEN TOP", _KEPT, apart=0.06),
    Reason("wavecal", _SLICE + "FIT RMS", "QC WAVECAL FIT RMS", (1.1, 1.35)),
    Reason(
        "wavecal",
        "WAVECAL NSATURATED LAMP#",
        "QC WAVECAL NSATURATED LAMPn",
        may_lack=True,
    ),
    Reason(
        "lsf",
        "LSF SLICE# FWHM STDEV",
        "QC LSF SLICE# FWHM STDEV",
        (0.8, 1.25),
        middle=(0.87, 0.93),
    ),
    Reason(
        "lsf",
        "WAVECAL INPUT# NSATURATED",
        "QC WAVECAL INPUT# NSATURATED of LSF_PROFILE",
        may_lack=True,
    ),
    Reason("twilight", "TWILIGHT# MASTER STDEV", _GAPS, (0.5, 2.0)),
    Reason("twilight", "TWILIGHT# MASTER MIN", _GAPS, (0.2, 5.0)),
    Reason("twilight", "TWILIGHT# MASTER MAX", _GAPS, (0.2, 5.0)),
    Reason(
        "scibasic",
        "SCIBASIC LAMBDA SHIFT",
        "sky-line shift of scibasic",
        apart=0.008,
    ),
    Reason("standard", "STANDARD THRU#", "flux of a standard star", (0.88, 1.0)),
    *(
        Reason("standard", f"STANDARD ZP {name}", "QC STANDARD ZP", placeholder=-99.0)
        for name in "VRI"
    ),
    Reason("create_sky", "SKY CONT FLUX", _LINES, (0.92, 1.0)),
    Reason("create_sky", "SKY CONT MAXDEV", _LINES, (0.2, 1.0)),
    Reason("create_sky", "SKY LINE# FLUX", _LINES, (0.88, 1.35), middle=(0.98, 1.06)),
    *(
        Reason("exp_align", f"EXPALIGN {name}", _EDGES, (1.0, 2.0))
        for name in ("NDET#", "NDET", "NMATCH#", "NMATCH MIN")
    ),
    *(
        Reason("exp_align", f"EXPALIGN OFFSET {axis} {name}", _EDGES, apart=0.005)
        for axis in ("RA", "DEC")
        for name in ("MIN", "MAX", "MEAN", "STDEV")
    ),
    Reason("exp_align", "EXPALIGN RESIDUAL MAX", "QC EXPALIGN RESIDUAL MAX", may_lack=True),
    *(
        Reason("exp_align", f"SCIPOST {name}", "QC SCIPOST of PREVIEW_FOV", left_out=True)
        for name in (
            "LAMBDA",
            "NDET",
            "POS# X",
            "POS# Y",
            "FWHM# X",
            "FWHM# Y",
            "FWHM NVALID",
            "FWHM MEDIAN",
            "FWHM MAD",
        )
    ),
    *geometry(),
    Reason("astrometry", "ASTRO NSTARS", _STARS, (1.0, 2.2)),
    *(Reason("astrometry", f"ASTRO ANGLE {a}", _STARS, apart=0.5) for a in "XY"),
    *(Reason("astrometry", f"ASTRO MEDRES {a}", _STARS, (0.05, 1.0)) for a in "XY"),
    *sources("astrometry", "ASTRO"),
    *sources("standard", "STANDARD"),
    *sources("scipost", "SCIPOST"),
    *ours_alone("scipost", "SCIPOST"),
    *sources("exp_combine", "EXPCOMB"),
    *ours_alone("exp_combine", "EXPCOMB"),
)
