"""Shipped static calibrations: where the file of a tag lies."""

from pathlib import Path

TABLES = Path(__file__).parent / "tables"

TAGS = (
    "LINE_CATALOG",
    "SKY_LINES",
    "SKY_CONTINUUM",
    "EXTINCT_TABLE",
    "STD_FLUX_TABLE",
    "FILTER_LIST",
    "TELLURIC_REGIONS",
    "GEOMETRY_TABLE",
    "ASTROMETRY_WCS",
    "ASTROMETRY_REFERENCE",
    "LSF_PROFILE",
)
"""Frame tags of the shipped files, as the genuine pipeline names them."""

PER_SIZE = ("GEOMETRY_TABLE", "LSF_PROFILE")
"""Tags whose content depends on the instrument size."""


def static_path(tag: str, size_name: str = "full") -> Path:
    """Return the shipped static calibration of a tag.

    Parameters
    ----------
    tag
        One of `TAGS`.
    size_name
        ``full`` or ``mini``; matters only for the tags in `PER_SIZE`.

    Raises
    ------
    ValueError
        If no such table is shipped.
    """
    if tag not in TAGS or size_name not in ("full", "mini"):
        raise ValueError(
            f"no static {tag} is shipped for size {size_name}; there are {TAGS}"
        )
    suffix = f"_{size_name}" if tag in PER_SIZE else ""
    return TABLES / f"{tag.lower()}{suffix}.fits"
