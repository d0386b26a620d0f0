"""Where the telescope looked: airmass, position angle, parallactic angle."""

from math import acos, atan2, cos, degrees, radians, sin

from pipeline.spec import BadInput, Header

LATITUDE, LONGITUDE, HEIGHT = -24.625278, -70.402222, 2648.0
"""Paranal UT4 [deg, deg east, m], where the header does not tell (MUSE user manual)."""

_SIDEREAL_DEG_PER_S = 15.0 / 3600.0
_MJD_ZERO = 2400000.5


def number(header: Header, keyword: str, default: float | None = None) -> float:
    """Return a numeric keyword.

    Raises
    ------
    BadInput
        If it is missing and there is no default, or is no number.
    """
    value = header.get(keyword, default)
    if isinstance(value, bool | str) or value is None:
        raise BadInput(
            "is missing" if value is None else f"is {value!r}, not a number",
            file=str(header.get("ARCFILE", "")),
            keyword=keyword,
            remedy="restore the keyword of the raw frame",
        )
    return float(value)


def of_date(ra: float, dec: float, mjd: float) -> tuple[float, float]:
    """Return a position of J2000 for the equator and equinox of a date, all [deg].

    Precession and nutation (IAU 2006/2000A); sidereal times refer to that equinox.
    """
    import erfa  # costs 5 ms, which few recipes need

    a, d = radians(ra), radians(dec)
    x, y, z = erfa.pnm06a(_MJD_ZERO, mjd) @ (cos(d) * cos(a), cos(d) * sin(a), sin(d))
    return degrees(atan2(y, x)) % 360.0, degrees(atan2(z, (x * x + y * y) ** 0.5))


def airmass(header: Header) -> float:
    """Return the effective airmass of an exposure.

    Airmass at start, middle and end (Young & Irvine 1967), with weights 1/6, 2/3, 1/6
    (Stetson 1989); without RA, DEC and LST the mean of the header's two values. RA and
    DEC are of J2000, LST is of the date: a quarter of a century turns the sky by 0.3
    degrees against it, which the genuine pipeline leaves out.
    """
    keywords = ("RA", "DEC", "LST")
    if not all(isinstance(header.get(k), int | float) for k in keywords):
        start = number(header, "ESO TEL AIRM START")
        return 0.5 * (start + number(header, "ESO TEL AIRM END", start))
    ra, dec, lst = (float(header[k]) for k in keywords)
    if "MJD-OBS" in header:
        ra, dec = of_date(ra, dec, number(header, "MJD-OBS"))
    latitude = radians(number(header, "ESO TEL GEOLAT", LATITUDE))
    drift = number(header, "EXPTIME", 0.0) * _SIDEREAL_DEG_PER_S
    total = 0.0
    for weight, part in ((1 / 6, 0.0), (2 / 3, 0.5), (1 / 6, 1.0)):
        hour_angle = radians(lst * _SIDEREAL_DEG_PER_S - ra + part * drift)
        cos_z = sin(latitude) * sin(radians(dec))
        cos_z += cos(latitude) * cos(radians(dec)) * cos(hour_angle)
        if cos_z <= 0.05:
            altitude = 90.0 - degrees(acos(cos_z))
            raise BadInput(
                f"the target stands {altitude:.1f} deg above the horizon",
                file=str(header.get("ARCFILE", "")),
                keyword="LST",
                remedy="correct RA, DEC or LST of the raw frame",
            )
        total += weight / cos_z * (1.0 - 0.0012 * (1.0 / cos_z**2 - 1.0))
    return total


def position_angle(header: Header) -> float:
    """Return the position angle of the field on the sky [deg].

    The derotator's angle counts the other way when it follows the sky.
    """
    angle = number(header, "ESO INS DROT POSANG", 0.0)
    return -angle if str(header.get("ESO INS DROT MODE", "SKY")) == "SKY" else angle


def parallactic_angle(header: Header) -> float:
    """Return the parallactic angle at mid exposure [deg], also across the meridian."""
    start = number(header, "ESO TEL PARANG START")
    end = number(header, "ESO TEL PARANG END", start)
    turn = (end - start + 180.0) % 360.0 - 180.0
    return (start + 0.5 * turn + 180.0) % 360.0 - 180.0


def spaxel(header: Header) -> float:
    """Return the sampling of the field [arcsec/pix] of the instrument mode."""
    return 0.025 if str(header.get("ESO INS MODE", "WFM")).startswith("NFM") else 0.2
