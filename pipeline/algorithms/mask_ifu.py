"""The exposures of the pinhole mask of one IFU, with its calibrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.algorithms.detector import calibrated
from pipeline.algorithms.flatfield import FlatFielded
from pipeline.algorithms.geometry import SliceMap, slice_map
from pipeline.algorithms.mask_sequence import MaskSequence, mask_sequence
from pipeline.algorithms.overscan import made_with
from pipeline.algorithms.slice_places import warn_of_gaps
from pipeline.instrument import Size, size_of
from pipeline.spec import BadInput, Frames, ImageFrame, RawFrame


@dataclass(frozen=True)
class MaskIfu:
    """The exposures of one IFU and its calibrations."""

    number: int
    raws: Sequence[RawFrame]
    calibrations: dict[str, list[Any]]
    slices: SliceMap
    sequence: MaskSequence

    @property
    def size(self) -> Size:
        """Of the instrument."""
        return size_of(self.raws[0].shape)

    def plain(self, raw: RawFrame) -> ImageFrame:
        """Return an exposure in counts, without bias, as a check needs it."""
        bias = self.calibrations["MASTER_BIAS"][0]
        return calibrated(raw, bias, made_with(bias.header))

    def reduced(self, raw: RawFrame) -> ImageFrame:
        """Return an exposure with all calibrations."""
        bias = self.calibrations["MASTER_BIAS"][0]
        image: ImageFrame = calibrated(
            raw,
            bias,
            made_with(bias.header),
            dark=next(iter(self.calibrations["MASTER_DARK"]), None),
            bad_pixels=self.calibrations["BADPIX_TABLE"],
        )
        for flat in self.calibrations["MASTER_FLAT"]:
            image = FlatFielded(image, flat)
        return image


def mask_ifus(frames: Frames, first: int, last: int) -> list[MaskIfu]:
    """Return the IFUs from first to last that the exposures hold, in ascending order.

    Raises
    ------
    BadInput
        If there is none, or calibrations of one are missing.
    """
    present = {int(raw.ifu) for raw in frames["MASK"]}
    numbers = sorted(n for n in present if first <= n <= last)
    if not numbers:
        raise BadInput(
            f"the exposures hold none of the IFUs {first} to {last}",
            file=frames["MASK"][0].name,
            keyword="--ifu1, --ifu2",
            remedy=f"choose from {', '.join(map(str, sorted(present)))}",
        )
    ifus = [_gather(frames, number) for number in numbers]
    warn_of_gaps(numbers, {ifu.number: ifu.raws[0].name for ifu in ifus})
    return ifus


def _gather(frames: Frames, number: int) -> MaskIfu:
    """Gather the frames of one IFU."""
    found = {
        tag: [frame for frame in frames.get(tag, ()) if frame.ifu == number]
        for tag in (
            "MASK", "MASTER_BIAS", "MASTER_DARK", "MASTER_FLAT", "TRACE_TABLE",
            "WAVECAL_TABLE", "BADPIX_TABLE",
        )
    }  # fmt: skip
    raws = found["MASK"]
    for tag in ("MASTER_BIAS", "TRACE_TABLE", "WAVECAL_TABLE"):
        if not found[tag]:
            raise BadInput(
                f"no {tag} of IFU {number}",
                file=raws[0].name,
                keyword=f"CHAN{number:02d}",
                remedy=f"add the {tag} of this IFU, or leave it out (--ifu1, --ifu2)",
            )
    slices = slice_map(
        number,
        size_of(raws[0].shape).shape,
        found["TRACE_TABLE"][0],
        found["WAVECAL_TABLE"][0],
    )
    return MaskIfu(number, raws, found, slices, mask_sequence(raws))
