"""A month of records as the calibration plan makes them, without any file."""

from collections.abc import Mapping
from typing import Any

from association.records import EVER, CalibRecord, RawRecord, Setup
from pipeline.spec import Input, Params, Product, Recipe

WFM = Setup("WFM-NOAO-N", "1", "Blue", "WFM")
START = 61285.0  # 2026-09-02T00:00, the night of 2026-09-01


def chips(n_ifus: int) -> dict[int, str]:
    return {ifu: f"chip-{ifu:02d}" for ifu in range(1, n_ifus + 1)}


def raw(
    tag: str, mjd: float, number: int = 1, n_ifus: int = 2, **changes: Any
) -> RawRecord:
    fields: dict[str, Any] = {
        "name": f"MUSE.{mjd:.6f}.fits",
        "path": f"/raw/MUSE.{mjd:.6f}.fits",
        "tag": tag,
        "mjd_obs": mjd,
        "exptime_s": 0.0,
        "setup": WFM,
        "chips": chips(n_ifus),
        "temperature": 11.0,
        "tpl_start": f"{mjd:.3f}",
        "tpl_nexp": 1,
        "tpl_expno": number,
    }
    return RawRecord(**(fields | changes))


def sequence(
    tag: str, mjd: float, n: int, n_ifus: int = 2, **changes: Any
) -> list[RawRecord]:
    """Return the frames of one template call, a minute apart."""
    shared = {"tpl_start": f"{tag}{mjd:.3f}", "tpl_nexp": n} | changes
    return [raw(tag, mjd + i / 1440, i + 1, n_ifus, **shared) for i in range(n)]


def arcs(
    mjd: float,
    n_ifus: int = 2,
    lamps: tuple[str, ...] = ("3", "4", "5"),
    n: int = 3,
    tag: str = "ARC",
) -> list[RawRecord]:
    shared = {"tpl_start": f"{tag}{mjd:.3f}", "tpl_nexp": n * len(lamps)}
    return [
        raw(tag, mjd + i / 1440, i + 1, n_ifus, lamps=(f"CU-LAMP{lamp}",), **shared)
        for i, lamp in enumerate(lamp for lamp in lamps for _ in range(n))
    ]


def night(mjd: float, n_ifus: int = 2, ob: int = 100) -> list[RawRecord]:
    """Return a night with its calibrations, one OB of two objects and a sky."""
    shared = {"obs_id": ob, "tpl_start": f"OB{mjd:.3f}", "tpl_nexp": 3, "n_ifus": n_ifus}
    shared |= {"target": "Field", "ra": 53.0, "dec": -27.8, "prog_id": "60.A-9100(A)"}
    return [
        *sequence("STD", mjd + 0.02, 1, n_ifus),
        raw("ILLUM", mjd + 0.08, n_ifus=n_ifus),
        raw("OBJECT", mjd + 0.10, 1, exptime_s=600.0, **shared),
        raw("SKY", mjd + 0.11, 2, exptime_s=120.0, **shared),
        raw("OBJECT", mjd + 0.12, 3, exptime_s=600.0, **shared),
        *sequence("BIAS", mjd + 0.45, 5, n_ifus),
        *sequence("FLAT", mjd + 0.48, 5, n_ifus),
        *arcs(mjd + 0.50, n_ifus),
    ]


def twilight(mjd: float, n_ifus: int = 2) -> list[RawRecord]:
    return sequence("SKYFLAT", mjd - 0.02, 3, n_ifus)


def static(tag: str, **changes: Any) -> CalibRecord:
    fields: dict[str, Any] = {"name": f"{tag}.fits", "path": "", "tag": tag}
    fields |= {"setup": WFM, "mjd_mid": 0.0, "valid": EVER}
    return CalibRecord(**(fields | changes))


def statics() -> list[CalibRecord]:
    tags = ("LINE_CATALOG", "SKY_LINES", "EXTINCT_TABLE", "STD_FLUX_TABLE", "FILTER_LIST")
    more = ("LSF_PROFILE", "GEOMETRY_TABLE", "ASTROMETRY_REFERENCE")
    return [
        *(static(tag) for tag in (*tags, *more)),
        static("ASTROMETRY_WCS", geometry="GEOMETRY_TABLE.fits"),
    ]


def master(tag: str, mjd: float, ifu: int | None = 1, **changes: Any) -> CalibRecord:
    suffix = "" if ifu is None else f"-{ifu:02d}"
    block = f"block{mjd:.9f}"
    fields: dict[str, Any] = {
        "name": f"{block}/{tag}{suffix}",
        "path": "",
        "tag": tag,
        "mjd_mid": mjd,
        "setup": WFM,
        "ifu": ifu,
        "chip": "" if ifu is None else f"chip-{ifu:02d}",
        "temperature": 11.0,
        "block": block,
    }
    return CalibRecord(**(fields | changes))


def _recipe(name: str, scope: Any, inputs: str, products: str) -> Recipe:
    """Declare a recipe: tags, ``?`` for optional ones, ``3`` for a least number."""
    parsed = []
    for word in inputs.split():
        tag = word.rstrip("?3")
        parsed.append(
            Input(tag, "raw", n_min=3 if "3" in word else 1, optional=word.endswith("?"))
        )
    made = tuple(Product(tag, "image", "") for tag in products.split())
    return Recipe(
        name, "1", scope, tuple(parsed), made, (), Params, "", lambda f, p, o: None
    )


def recipes() -> Mapping[str, Recipe]:
    """Return the declarations of the genuine recipes, as their manual lists them."""
    basic = "MASTER_BIAS MASTER_DARK?"
    reduced = f"{basic} MASTER_FLAT TRACE_TABLE WAVECAL_TABLE GEOMETRY_TABLE ILLUM?"
    flux = "EXTINCT_TABLE STD_RESPONSE STD_TELLURIC?"
    sky = "SKY_LINES? SKY_CONTINUUM? LSF_PROFILE?"
    made = [
        _recipe("muse_bias", "ifu", "BIAS3", "MASTER_BIAS"),
        _recipe("muse_dark", "ifu", "DARK3 MASTER_BIAS", "MASTER_DARK"),
        _recipe("muse_flat", "ifu", f"FLAT3 {basic}", "MASTER_FLAT TRACE_TABLE"),
        _recipe(
            "muse_lsf",
            "ifu",
            "ARC? ARC_LSF? MASTER_BIAS MASTER_FLAT? TRACE_TABLE WAVECAL_TABLE LINE_CATALOG",
            "LSF_PROFILE",
        ),
        _recipe(
            "muse_wavecal",
            "ifu",
            f"ARC {basic} MASTER_FLAT? TRACE_TABLE LINE_CATALOG",
            "WAVECAL_TABLE",
        ),
        _recipe("muse_twilight", "exposure", f"SKYFLAT3 {reduced}", "TWILIGHT_CUBE"),
        _recipe(
            "muse_scibasic",
            "ifu",
            f"OBJECT? STD? SKY? ASTROMETRY? {reduced} TWILIGHT_CUBE?",
            "PIXTABLE_OBJECT PIXTABLE_STD PIXTABLE_SKY PIXTABLE_ASTROMETRY",
        ),
        _recipe(
            "muse_standard",
            "exposure",
            "PIXTABLE_STD EXTINCT_TABLE STD_FLUX_TABLE FILTER_LIST?",
            "STD_RESPONSE STD_TELLURIC",
        ),
        _recipe(
            "muse_astrometry",
            "exposure",
            "PIXTABLE_ASTROMETRY ASTROMETRY_REFERENCE EXTINCT_TABLE? STD_RESPONSE?",
            "DATACUBE_ASTROMETRY ASTROMETRY_WCS",
        ),
        _recipe(
            "muse_create_sky",
            "exposure",
            f"PIXTABLE_SKY {flux} SKY_LINES LSF_PROFILE",
            "SKY_LINES SKY_CONTINUUM",
        ),
        _recipe(
            "muse_scipost",
            "exposure",
            f"PIXTABLE_OBJECT {flux} ASTROMETRY_WCS? {sky}",
            "DATACUBE_FINAL IMAGE_FOV PIXTABLE_REDUCED",
        ),
        _recipe("muse_exp_align", "target", "IMAGE_FOV", "OFFSET_LIST"),
        _recipe(
            "muse_exp_combine", "target", "PIXTABLE_REDUCED OFFSET_LIST?", "DATACUBE_FINAL"
        ),
    ]
    return {recipe.name: recipe for recipe in made}
