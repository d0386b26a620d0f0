"""The score string of a product, character by character, with its meaning in words."""

from collections.abc import Mapping

from reports.contexts import Bit, Tone

LEGEND: tuple[tuple[str, str, str], ...] = (
    ("CHECK_BKG", "the fits of the sky and its lines made no error", "the sky fit failed"),
    ("IS_OBJ", "the product is an object", "the product is a sky field"),
    ("HAS_SKY", "a dedicated sky exposure exists", "there is no dedicated sky exposure"),
    ("ARC_CLOSE", "an arc within 1.5 d before or after", "no arc within 1.5 d"),
    ("SKY_FLAT", "a twilight flat was used", "no twilight flat was used"),
    ("NUM_SAT", "fewer than 300 saturated raw pixels", "300 or more saturated raw pixels"),
    ("NUM_SRC", "at least one source was found", "no source was found"),
    ("HISTO_BKG", "the background is above -20", "the background is -20 or lower"),
    (
        "LSHIFT_MAX",
        "the largest wavelength shift is below 0.5 A",
        "a wavelength shift of 0.5 A or more",
    ),
    (
        "ALIGNMENT",
        "combined: all frames matched, rotations agree",
        "combined: frames not matched, or rotations differ",
    ),
    (
        "MODIFIED",
        "combined: the input is exactly one template call",
        "combined: the input is not exactly one template call",
    ),
)
"""Name, meaning of 0, meaning of 1 (ESO's MUSE release description; see qc.flags)."""

DESCRIPTIVE = frozenset({"IS_OBJ", "HAS_SKY"})
"""Bits that describe the observation and are no faults."""


def _tone(name: str, char: str) -> Tone:
    if name in DESCRIPTIVE:
        return "fact"
    return "good" if char == "0" else "bad"


def bits(flag: str, reasons: Mapping[str, str] | None = None) -> tuple[Bit, ...]:
    """Return the characters of a score string.

    Parameters
    ----------
    flag
        The string, nine or eleven characters of ``0`` and ``1``.
    reasons
        What was measured, by the name of the bit; it replaces the general meaning.
    """
    measured = reasons or {}
    return tuple(
        Bit(
            number,
            name,
            char,
            measured.get(name, (good, bad)[char != "0"]),
            _tone(name, char),
        )
        for number, (char, (name, good, bad)) in enumerate(
            zip(flag, LEGEND, strict=False), start=1
        )
    )


def legend() -> tuple[Bit, ...]:
    """Return every bit with the meaning of 0."""
    return bits("0" * len(LEGEND))
