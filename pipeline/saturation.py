"""Warnings about exposures with too many saturated pixels, from the QC of products."""

import logging
import math
from collections.abc import Sequence

from pipeline.outputs import Produced

log = logging.getLogger(__name__)

DOUBTFUL, STRONG = 0.001, 0.01
"""Part of the pixels of a raw frame that may be saturated (genuine pipeline)."""


def warn_of_saturation(produced: Sequence[Produced], shape: tuple[int, ...]) -> None:
    """Warn where a product counts many saturated pixels.

    Parameters
    ----------
    produced
        Products with QC keywords ``... NSATURATED``.
    shape
        Of the raw frames [pix]; empty without any.
    """
    told = set()
    for product in produced:
        for keyword, value in product.qc.items():
            counted = keyword, product.number
            if not shape or "NSATURATED" not in keyword or counted in told:
                continue
            part = float(value) / math.prod(shape)
            if part > DOUBTFUL:
                told.add(counted)
                log.warning(
                    "%s, %s: %s pixels are saturated, the exposure is %s saturated. "
                    "Remedy: leave it out, expose shorter",
                    product.path.name,
                    keyword,
                    value,
                    "strongly" if part > STRONG else "probably",
                )
