"""Whether a master bias was made in the way in which raw frames are freed of their bias."""

import logging

from pydantic import ValidationError

from pipeline.algorithms.overscan import OverscanLevel, OverscanParams
from pipeline.instrument import SATURATION
from pipeline.spec import BadInput, Header, ImageFrame, RawFrame

log = logging.getLogger(__name__)

INCOMPATIBLE = 100.0
"""Deviations of the overscan beyond which levels do not match (genuine pipeline)."""

_NAMES = ("overscan", "ovscreject", "ovscsigma", "ovscignore")


def warn_of_other_overscan(bias: ImageFrame, params: OverscanParams) -> None:
    """Warn where the master bias was made with other overscan parameters.

    The manual wants them to be the same in all recipes. A master that does not tell is
    believed.
    """
    made = _parameters(bias.header)
    if made is None or made.way == params.way:
        return
    other = [n for n in _NAMES if getattr(made, n) != getattr(params, n)]
    log.warning(
        "%s, ESO PRO REC1 PARAM: made with %s, but here it is %s. Remedy: make the master "
        "bias again, or give --%s",
        bias.name,
        _listed(made, other),
        _listed(params, other),
        " --".join(f"{n}={getattr(made, n)}" for n in other),
    )


def _listed(params: OverscanParams, names: list[str]) -> str:
    """Return parameters as text."""
    return ", ".join(f"{name}={getattr(params, name)}" for name in names)


def _parameters(header: Header) -> OverscanParams | None:
    """Return the overscan parameters that a master was made with, None if unknown."""
    found: dict[str, object] = {}
    number = 1
    while (keyword := f"ESO PRO REC1 PARAM{number} NAME") in header:
        name = str(header[keyword])
        if name in _NAMES:
            found[name] = header.get(f"ESO PRO REC1 PARAM{number} VALUE")
        number += 1
    if not found:
        return None
    try:
        return OverscanParams.model_validate(found)
    except ValidationError:
        return None


def check_ports(raw: RawFrame, level: OverscanLevel) -> None:
    """Refuse a raw frame with a port that is dead or saturated.

    Its overscan is 0 or at the upper end, without noise; whatever would be made of such
    a quadrant, traces, lines or spectra, would be wrong.

    Raises
    ------
    BadInput
        For the first such port.
    """
    for port, (mean, stdev) in enumerate(zip(level.mean, level.stdev, strict=True), 1):
        if stdev == 0.0 and not 0.0 < mean <= SATURATION:
            raise BadInput(
                f"the quadrant is {'dead' if mean == 0.0 else 'saturated'}: all pixels of "
                f"its overscan are {mean:.0f} adu",
                file=raw.name,
                keyword=f"quadrant {port}",
                remedy="leave the file or this IFU out, repeat the exposure",
            )


def check_bias_level(
    raw: RawFrame, bias: ImageFrame, level: OverscanLevel, params: OverscanParams
) -> None:
    """Refuse a master bias whose level does not go with that of a raw frame.

    A master made with ``vpoly`` is near zero, the others keep the level of about 1000.
    With ``none`` and ``vpoly`` the overscans themselves are compared, too: as in the
    genuine pipeline with a warning (``none``) and as an error (``vpoly``).

    Raises
    ------
    BadInput
        If it was made with another way of overscan correction.
    """
    for port, (mean, stdev) in enumerate(zip(level.mean, level.stdev, strict=True), 1):
        keyword = f"ESO QC BIAS MASTER{port} MEDIAN"
        if keyword in bias.header:
            expected = 0.0 if params.overscan.startswith("vpoly") else mean
            found = float(bias.header[keyword])
            if abs(found - expected) > INCOMPATIBLE * stdev:
                raise BadInput(
                    f"is {found} adu where overscan={params.overscan} needs about "
                    f"{expected:.0f}, as in {raw.name}",
                    file=bias.name,
                    keyword=keyword,
                    remedy="make the master bias with the same overscan parameter",
                )
        _compare_overscans(raw, bias, mean, port, params)


def _compare_overscans(
    raw: RawFrame, bias: ImageFrame, mean: float, port: int, params: OverscanParams
) -> None:
    """Compare the overscan of a port with that of the biases behind the master."""
    name = f"ESO DRS MUSE OVSC{port}"
    if f"{name} MEAN" not in bias.header or params.overscan == "offset":
        return
    usual, spread = (float(bias.header.get(f"{name} {w}", 0.0)) for w in ("MEAN", "STDEV"))
    none = params.overscan == "none"
    if abs(mean - usual) <= (params.ovscsigma if none else INCOMPATIBLE) * spread:
        return
    problem = f"is {usual:.2f} adu, but the overscan of {raw.name} has {mean:.2f}"
    remedy = "use biases of the same day" + (" or overscan=vpoly or offset" if none else "")
    if not none:
        raise BadInput(problem, file=bias.name, keyword=f"{name} MEAN", remedy=remedy)
    log.warning("%s, %s MEAN: %s. Remedy: %s", bias.name, name, problem, remedy)
