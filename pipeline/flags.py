"""Euro3D data-quality bits used in the DQ planes of MUSE files.

Source: Euro3D format definition 1.2, table 4, with the MUSE usage of the
pipeline manual, appendix A.
"""

from enum import IntFlag


class Flag(IntFlag):
    """Reason why a value must not, or only with care, be used."""

    GOOD = 0
    TELLURIC_CORRECTED = 1 << 0
    TELLURIC_UNCORRECTED = 1 << 1
    GHOST_STRAY_LIGHT = 1 << 2
    ELECTRONIC_PICKUP = 1 << 3
    COSMIC_RAY_CLEANED = 1 << 4
    COSMIC_RAY = 1 << 5
    LOW_QUANTUM_EFFICIENCY = 1 << 6
    CALIBRATION_DEFECT = 1 << 7
    HOT_PIXEL = 1 << 8
    DARK_PIXEL = 1 << 9
    CHARGE_TRAP_AFFECTED = 1 << 10
    WELL_SATURATED = 1 << 11
    AD_SATURATED = 1 << 12
    PERMANENT_CAMERA_DEFECT = 1 << 13
    BAD_OTHER = 1 << 14
    NOTCH_FILTER = 1 << 27
    OUTSIDE_DATA_RANGE = 1 << 30
    MISSING_DATA = 1 << 31
