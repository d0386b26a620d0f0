"""What all exposures of an IFU share in muse_scibasic, and the images it makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.algorithms.combined import CombinedImage, exposure_time_factors
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.flatfield import FlatFielded, Places, find_cosmics
from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.illumination import Illumination
from pipeline.algorithms.scibasic_params import ScibasicParams
from pipeline.algorithms.twilight import Twilight
from pipeline.spec import Frames, RawFrame, Value

SKY_FLUX = "ESO DRS MUSE FLAT FLUX SKY"


@dataclass(frozen=True)
class ScienceCalibrations:
    """What all exposures of an IFU share."""

    frames: Frames
    params: ScibasicParams
    slices: SliceMap
    illumination: Illumination | None = None
    twilights: Sequence[Twilight] = ()

    def counts(self, raw: RawFrame) -> tuple[CalibratedFrame, Places | None]:
        """Return an exposure in counts, read lazily, and its cosmic rays if wanted."""
        params = self.params
        dark = self.frames.get("MASTER_DARK", ())
        image = calibrated(
            raw,
            self.frames["MASTER_BIAS"][0],
            params,
            dark=dark[0] if dark else None,
            bad_pixels=self.frames.get("BADPIX_TABLE", ()),
            read_noise=params.readnoise,
        )
        if params.cr == "none":
            return image, None
        box = (params.xbox, params.ybox)
        return image, find_cosmics(image, box, params.passes, params.thres)

    def flat_fielded(self, raw: RawFrame) -> FlatFielded:
        """Return an exposure divided by the master flat."""
        image, cosmics = self.counts(raw)
        return FlatFielded(image, self.frames["MASTER_FLAT"][0], cosmics)

    def combined(self, raws: Sequence[RawFrame]) -> FlatFielded:
        """Return the combination of several exposures, divided by the master flat."""
        params, images = self.params, [self.counts(raw) for raw in raws]
        exposures = [image for image, _ in images]
        factors = [1.0] * len(raws)
        if params.scale:
            factors = exposure_time_factors(exposures)
        cosmics = [found for _, found in images]
        image = CombinedImage(exposures, params.combination(), factors, cosmics)
        return FlatFielded(image, self.frames["MASTER_FLAT"][0])

    def keywords(self) -> dict[str, Value]:
        """Return the keywords of the corrections."""
        found = self.illumination.keywords() if self.illumination else {}
        for twilight in self.twilights:
            found[SKY_FLUX] = twilight.flux
        return found
