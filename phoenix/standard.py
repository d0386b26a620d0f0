"""Validator of archive products: the ESO Science Data Products standard for MUSE.

``validate`` reports everything that an archive would refuse in a cube
(``SCIENCE.CUBE.IFS``), in its white-light image (``ANCILLARY.IMAGE.WHITELIGHT``) or in its
exposure map (``ANCILLARY.EXPMAP``): each finding names the rule, the place, what is wrong
and what to do. No finding means ready.

Source: ESO Science Data Products Standard, tables for IFS cubes, and the value checks
of the Phase 3 archive.
"""

from collections.abc import Iterator
from pathlib import Path

from phoenix.standard_extensions import check_exposure_map, check_extensions
from phoenix.standard_file import Hdu, Truncated, read_hdus
from phoenix.standard_primary import check_cube_primary
from phoenix.standard_rules import (
    CUBE,
    EXPOSURES,
    FORBIDDEN,
    FORBIDDEN_PATTERN,
    WHITE,
    Finding,
)

__all__ = ["Finding", "validate"]


def validate(path: Path) -> list[Finding]:
    """Return everything in a product file that breaks the standard.

    Parameters
    ----------
    path : Path
        A cube, a white-light image or an exposure map, under its archive name, with the
        files it names (ASSONi) in the same folder.
    """
    try:
        hdus = read_hdus(path)
    except Truncated as error:
        return [Finding("complete", "", "", str(error), "write the file again")]
    except OSError as error:
        return [Finding("complete", "", "", f"cannot be read: {error}", "check the path")]
    if not hdus or "SIMPLE" not in hdus[0].values:
        return [
            Finding("complete", "", "SIMPLE", "is no FITS file", "write the file again")
        ]
    findings = [f for hdu in hdus for f in _check_any(hdu)]
    category = str(hdus[0].values.get("PRODCATG", "")).strip()
    if category == CUBE:
        findings += check_cube_primary(hdus, path.parent)
    elif category == EXPOSURES:
        findings += check_exposure_map(hdus[0])
    elif category != WHITE:
        findings.append(
            Finding(
                "category",
                "PRIMARY",
                "PRODCATG",
                f"is {category!r}" if category else "is missing",
                f"write {CUBE}, {WHITE} or {EXPOSURES}",
            )
        )
    findings += check_extensions(hdus, category)
    return findings


def _check_any(hdu: Hdu) -> Iterator[Finding]:
    """Check what holds for every header-data unit."""
    for keyword in hdu.broken:
        yield Finding("readable", hdu.label, keyword, "cannot be parsed", "write it anew")
    for keyword in dict.fromkeys(hdu.keywords):
        if keyword in FORBIDDEN or FORBIDDEN_PATTERN.fullmatch(keyword):
            yield Finding(
                "forbidden",
                hdu.label,
                keyword,
                "is not allowed in a product",
                FORBIDDEN.get(keyword, "use CDi_j"),
            )
        elif hdu.keywords.count(keyword) > 1 and keyword not in ("COMMENT", "HISTORY", ""):
            yield Finding("unique", hdu.label, keyword, "is repeated", "keep one")
    yield from _check_sums(hdu)


def _check_sums(hdu: Hdu) -> Iterator[Finding]:
    """Check that CHECKSUM and DATASUM are there and right."""
    remedy = "compute it after the last change of the unit"
    for keyword in ("CHECKSUM", "DATASUM"):
        if keyword not in hdu.values:
            yield Finding("checksum", hdu.label, keyword, "is missing", remedy)
    written = str(hdu.values.get("DATASUM", "")).strip()
    if written and written != str(hdu.data_sum):
        problem = f"is {written}, the data sum up to {hdu.data_sum}"
        yield Finding("checksum", hdu.label, "DATASUM", problem, remedy)
    if "CHECKSUM" in hdu.values and hdu.total_sum not in (0, 0xFFFFFFFF):
        yield Finding("checksum", hdu.label, "CHECKSUM", "does not fit the unit", remedy)
