"""Parameters of muse_scipost."""

from typing import Literal

from pipeline.algorithms.cube_products import CubeParams, drop_sizes, rejection_limit
from pipeline.algorithms.exposure_sky import SkySettings
from pipeline.algorithms.flux_calibration import absorption_growth
from pipeline.algorithms.sky_spectrum import rejection_limits
from pipeline.spec import param


class ScipostParams(CubeParams):
    """Parameters of the science post-processing."""

    save: str = param(
        "cube,skymodel",
        doc='What to save, separated by commas: "cube" (cube and images), "skymodel" (the '
        'sky that was subtracted), "autocal" (mask and factors of the autocalibration), '
        '"raman" (what was fitted of the light of the lasers), '
        '"individual" (the reduced pixel table of each exposure), "positioned" (the same '
        'with places on the sky), "combined" (one pixel table of all exposures), "stacked" '
        "(an image of all slices side by side).",
    )
    crsigma: float = rejection_limit(15.0)
    pixfrac: str = drop_sizes(genuine="0.8,0.8", arcsec=0.02, angstrom=0.1)
    weight: Literal["exptime", "fwhm", "none"] = param(
        "exptime", doc="Weights of exposures: exposure time, it over the seeing, or equal."
    )
    autocalib: Literal["none", "deepfield", "user"] = param(
        "none",
        doc="Autocalibration of the slices by the level of the sky: deepfield measures it "
        "on the exposure, which must show much blank sky; user applies AUTOCAL_FACTORS.",
    )
    raman_width: float = param(
        20.0,
        unit="Angstrom",
        doc="Width of the ranges around the Raman lines of O2 and N2 in which their light "
        "is fitted; with adaptive optics and RAMAN_LINES.",
    )
    skymethod: Literal["none", "subtract-model", "model", "simple"] = param(
        "model", doc="How the sky is subtracted."
    )
    lambdaref: float = param(
        7000.0,
        unit="Angstrom",
        doc="Reference wavelength of the correction for differential refraction; below "
        "zero for no correction.",
    )
    darcheck: Literal["none", "check", "correct"] = param(
        "none",
        doc="Measure the refraction that the correction left over, from the stars: not at "
        "all, for information, or to correct it, too.",
    )
    telluric_growth: float = absorption_growth()
    skymodel_fraction: float = param(
        0.1, doc="Fraction of the image that is taken as sky.", gt=0, le=1
    )
    skymodel_ignore: float = param(
        0.05, doc="Fraction of the image, the darkest, that is ignored.", ge=0, lt=1
    )
    skymodel_sampling: float = param(
        0.3125, unit="Angstrom", doc="Sampling of the sky spectrum.", gt=0
    )
    skymodel_csampling: float = param(
        0.3125, unit="Angstrom", doc="Sampling of the continuum.", gt=0
    )
    skymodel_csmooth: bool = param(
        True,
        doc="Leave out of the continuum what noise can make; false as in the genuine "
        "pipeline, whose continuum has all the noise of the spectrum.",
    )
    skymodel_refit: bool = param(
        True,
        doc="With skymethod=subtract-model: fit the fluxes of the lines again to the sky "
        "of the exposure, since they change within minutes; false as in the genuine "
        "pipeline.",
    )
    sky_crsigma: str = param(
        "15.,15.",
        unit="sigma",
        doc="Rejection of cosmic rays in the image and in the spectrum of the sky, two "
        "numbers separated by a comma; not positive for none.",
    )
    rvcorr: Literal["bary", "helio", "geo", "none"] = param(
        "bary",
        doc="Rest frame of the wavelengths: barycentre of the solar system, centre of the "
        "Sun, centre of the Earth, or the telescope.",
    )
    astrometry: bool = param(
        True, doc="Use the ASTROMETRY_WCS; if false, the nominal scale without it."
    )

    def sky_settings(self) -> SkySettings:
        """Return how the sky is measured."""
        return SkySettings(
            self.skymodel_ignore,
            self.skymodel_fraction,
            self.skymodel_sampling,
            self.skymodel_csampling,
            rejection_limits("--sky_crsigma", self.sky_crsigma),
            self.skymodel_refit,
            self.skymodel_csmooth,
        )
