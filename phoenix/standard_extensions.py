"""Checks of the image extensions: WCS, units, classes, and links to each other."""

from collections.abc import Iterator, Mapping, Sequence

from phoenix.standard_file import Hdu, Value
from phoenix.standard_rules import CUBE, DATA_UNIT, STAT_UNIT, WHITE, Finding

_N_AXES = {CUBE: 3, WHITE: 2}
_UNITS = {"DATA": DATA_UNIT, "ERROR": STAT_UNIT}
_ERRORS = ("MSE", "RMSE", "INVMSE", "INVRMSE")
_FLAGS = ("FLAG32BIT", "FLAG16BIT", "MASKZERO", "MASKONE")
_LINKS = {"SCIDATA": "DATA", "ERRDATA": "ERROR", "QUALDATA": "QUALITY"}
_CTYPES = {1: ("RA---TAN",), 2: ("DEC--TAN",), 3: ("AWAV", "WAVE")}
_CUNITS = {1: "deg", 2: "deg", 3: "angstrom"}


def check_extensions(hdus: Sequence[Hdu], category: str) -> Iterator[Finding]:
    """Check all image extensions of a product of ``category``."""
    if category not in _N_AXES:
        return
    images = [hdu for hdu in hdus[1:] if hdu.is_image]
    yield from _check_content(hdus, images, category)
    for hdu in images:
        yield from _check_class(hdu)
        yield from _check_unit(hdu)
        yield from _check_wcs(hdu)
        yield from _check_links(hdu, images)


def check_exposure_map(hdu: Hdu) -> Iterator[Finding]:
    """Check the map of exposure times: an image [s] with its coordinates."""
    if len(hdu.shape) != 2:
        problem = f"is {len(hdu.shape)}, an exposure map has 2 axes"
        yield Finding("content", hdu.label, "NAXIS", problem, "write the right product")
    unit = _text(hdu.values, "BUNIT")
    if unit != "s":
        problem = f"is {unit!r}" if unit else "is missing"
        yield Finding("unit", hdu.label, "BUNIT", problem, "write s")
    yield from _check_wcs(hdu)


def _text(values: Mapping[str, Value], keyword: str) -> str:
    return str(values.get(keyword, "")).strip()


def _check_content(
    hdus: Sequence[Hdu], images: Sequence[Hdu], category: str
) -> Iterator[Finding]:
    """Check that data, and of a cube their errors, are there and shaped alike."""
    if hdus[0].shape:
        remedy = "put data in extensions only"
        yield Finding("content", "PRIMARY", "NAXIS", "has data", remedy)
    classes = {_text(hdu.values, "HDUCLAS2"): hdu for hdu in reversed(images)}
    needed = ("DATA", "ERROR") if category == CUBE else ("DATA",)
    for wanted in needed:
        if wanted not in classes:
            remedy = f"write the extension with HDUCLAS2 = {wanted}"
            yield Finding("content", "", "HDUCLAS2", f"no extension is {wanted}", remedy)
    if "DATA" not in classes:
        return
    n_axes = _N_AXES[category]
    data = classes["DATA"]
    if len(data.shape) != n_axes or 0 in data.shape:
        problem = f"is {len(data.shape)}, a {category} has {n_axes} axes"
        yield Finding("content", data.label, "NAXIS", problem, "write the right product")
    names = [hdu.name for hdu in images]
    for hdu in images:
        if not hdu.name or names.count(hdu.name) > 1:
            problem = "is repeated" if hdu.name else "is missing"
            yield Finding("content", hdu.label, "EXTNAME", problem, "name each extension")
        linked = _text(hdu.values, "SCIDATA") == data.name
        if linked and hdu.shape != data.shape:
            problem = f"{hdu.shape} is not the shape of {data.name} {data.shape}"
            yield Finding("content", hdu.label, "NAXISn", problem, "write planes alike")


def _check_class(hdu: Hdu) -> Iterator[Finding]:
    """Check the HDUCLASS scheme of the DICD."""
    allowed: dict[str, tuple[str, ...]] = {
        "HDUCLASS": ("ESO",),
        "HDUDOC": (),
        "HDUVERS": (),
        "HDUCLAS1": ("IMAGE",),
        "HDUCLAS2": ("DATA", "ERROR", "QUALITY"),
    }
    third = {"ERROR": _ERRORS, "QUALITY": _FLAGS}.get(_text(hdu.values, "HDUCLAS2"))
    if third:
        allowed["HDUCLAS3"] = third
    for keyword, values in allowed.items():
        value = _text(hdu.values, keyword)
        if not value or (values and value not in values):
            problem = f"is {value!r}" if value else "is missing"
            remedy = (
                f"write {' or '.join(values)}" if values else "name DICD and its version"
            )
            yield Finding("class", hdu.label, keyword, problem, remedy)


def _check_unit(hdu: Hdu) -> Iterator[Finding]:
    """Check the physical unit of data and variance."""
    wanted = _UNITS.get(_text(hdu.values, "HDUCLAS2"))
    unit = _text(hdu.values, "BUNIT")
    if wanted and unit != wanted:
        problem = f"is {unit!r}" if unit else "is missing"
        yield Finding("unit", hdu.label, "BUNIT", problem, f"write {wanted}")


def _check_wcs(hdu: Hdu) -> Iterator[Finding]:
    """Check that each axis has its coordinates."""
    for axis in range(1, len(hdu.shape) + 1):
        for keyword in (f"CRVAL{axis}", f"CRPIX{axis}", f"CD{axis}_{axis}"):
            value = hdu.values.get(keyword)
            if isinstance(value, bool | str) or value is None:
                yield Finding("wcs", hdu.label, keyword, "is missing", "write the WCS")
            elif keyword.startswith("CD") and _singular(hdu, axis):
                yield Finding("wcs", hdu.label, keyword, "is zero", "write the scale")
        ctype = _text(hdu.values, f"CTYPE{axis}")
        if ctype not in _CTYPES.get(axis, ("",)):
            remedy = f"write {' or '.join(_CTYPES.get(axis, ('no further axis',)))}"
            problem = f"is {ctype!r}" if ctype else "is missing"
            yield Finding("wcs", hdu.label, f"CTYPE{axis}", problem, remedy)
        cunit = _text(hdu.values, f"CUNIT{axis}")
        if cunit != _CUNITS.get(axis, ""):
            problem = f"is {cunit!r}" if cunit else "is missing"
            remedy = f"write {_CUNITS.get(axis, 'no further axis')}"
            yield Finding("wcs", hdu.label, f"CUNIT{axis}", problem, remedy)


def _singular(hdu: Hdu, axis: int) -> bool:
    """Tell whether no coordinate runs along an axis."""
    n_axes = len(hdu.shape)
    row = [hdu.values.get(f"CD{axis}_{other}", 0.0) for other in range(1, n_axes + 1)]
    return all(value == 0 for value in row)


def _check_links(hdu: Hdu, images: Sequence[Hdu]) -> Iterator[Finding]:
    """Check that data, errors and flags name each other, both ways."""
    by_name = {other.name: other for other in images}
    own = _text(hdu.values, "HDUCLAS2")
    for keyword, wanted in _LINKS.items():
        if keyword not in hdu.values:
            continue
        name = _text(hdu.values, keyword)
        other = by_name.get(name)
        if other is None or _text(other.values, "HDUCLAS2") != wanted:
            problem = f"names {name!r}, which is no {wanted} extension"
            yield Finding("links", hdu.label, keyword, problem, "name the right extension")
            continue
        back = next((k for k, v in _LINKS.items() if v == own), "")
        if wanted == "DATA" and back and _text(other.values, back) != hdu.name:
            problem = f"does not name {hdu.name}, which names it"
            yield Finding("links", other.label, back, problem, f"write {hdu.name}")
    if own in ("ERROR", "QUALITY") and "SCIDATA" not in hdu.values:
        yield Finding(
            "links", hdu.label, "SCIDATA", "is missing", "name the data extension"
        )
