"""Lines of a SKY_LINES file: those listed, and those that follow from OH transitions.

The optional extension ``OH_TRANSITIONS`` (MUSE pipeline manual, appendix A) lists upper
levels and transition probabilities. OH rotates in thermal equilibrium within each
vibrational level, so the lines of one upper vibrational level have fixed relative fluxes
and make a group; the fit of the sky scales it.
"""

import numpy as np

from pipeline.spec import BadInput, Columns, Table, TableFrame

TEMPERATURE = 200.0
"""Rotational temperature of OH [K], as the genuine pipeline takes it."""

BOLTZMANN = 1.3806504e-23
"""[J/K]"""

PHOTON = 1.98644586e-8
"""h c [erg Angstrom]"""

FIRST_GUESS = 1e20 / 50.0
"""Makes fluxes of the size that is observed [1e-20 erg/s/cm**2/arcsec**2] (genuine)."""

PLAIN_UNIT, SCALED_UNIT = "erg/(s cm^2 arcsec^2)", "10**(-20)*erg/(s cm^2 arcsec^2)"


def listed_lines(frame: TableFrame) -> Columns:
    """Return the columns name, group, lambda [Angstrom], flux, dq of a SKY_LINES file.

    Fluxes are in 1e-20 erg/s/cm**2/arcsec**2. Groups of OH transitions follow on those of
    the listed lines.

    Raises
    ------
    BadInput
        If the file has neither lines nor transitions.
    """
    parts: list[Columns] = []
    if "LINES" in frame.names:
        parts.append(_scaled(frame.read("LINES")))
    if "OH_TRANSITIONS" in frame.names:
        first = int(np.max(parts[0]["group"], initial=-1)) + 1 if parts else 0
        parts.append(thermal_lines(frame.read("OH_TRANSITIONS").columns, first))
    if not parts:
        raise BadInput(
            "has no sky lines",
            file=frame.name,
            keyword="EXTNAME",
            remedy="give SKY_LINES a file with an extension LINES or OH_TRANSITIONS",
        )
    names = ("name", "group", "lambda", "flux", "dq")
    return {key: np.concatenate([part[key] for part in parts]) for key in names}


def _scaled(table: Table) -> Columns:
    """Return lines with fluxes in 1e-20 erg/s/cm**2/arcsec**2."""
    columns = dict(table.columns)
    if table.units.get("flux", "").strip() == PLAIN_UNIT:
        columns["flux"] = np.asarray(columns["flux"], np.float64) * 1e20
    return columns


def thermal_lines(transitions: Columns, first_group: int = 0) -> Columns:
    """Return the lines of OH transitions, as columns of a SKY_LINES table.

    A level of rotation J_u and energy E_u is (2 J_u + 1) exp(-E_u / k T) times populated;
    divided by the sum over all transitions of its vibrational level.

    Parameters
    ----------
    transitions
        Columns name, lambda [Angstrom], v_u, E_u [J], J_u, A [1/s].
    first_group
        Number of the group of the lowest vibrational level.
    """
    wavelength, energy, spin, rate = (
        np.asarray(transitions[key], np.float64) for key in ("lambda", "E_u", "J_u", "A")
    )
    levels, group = np.unique(np.asarray(transitions["v_u"]), return_inverse=True)
    weight = (2.0 * spin + 1.0) * np.exp(-energy / (BOLTZMANN * TEMPERATURE))
    total = np.bincount(group, weight, minlength=len(levels))
    photons = 2.0 * rate * weight / total[group]
    return {
        "name": np.asarray(transitions["name"]),
        "group": (first_group + group).astype(np.int32),
        "lambda": wavelength,
        "flux": photons * PHOTON / wavelength * FIRST_GUESS,
        "dq": np.zeros(len(wavelength), np.int32),
    }
