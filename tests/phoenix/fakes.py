"""Tiny recipes under the genuine names: they add up numbers and write small files.

The service sees recipes only through their declarations, so these show how it plans,
runs and fails without any science.
"""

import numpy as np
from pydantic import ConfigDict

from pipeline.spec import QC, Input, Params, Planes, Product, Recipe, Table

FAILING = "ESO TEST FAIL"
"""A raw frame with this keyword makes its recipe fail."""


class FakeParams(Params):
    """Takes whatever the plan sets, and ignores it."""

    model_config = ConfigDict(frozen=True, extra="allow")


def _value(frame):
    """Return a number that stands for the content of a frame."""
    if hasattr(frame, "names"):
        return float(frame.read(frame.names[0]).columns["sum"][0])
    return float(frame.read(slice(0, 1))[0, 0])


def _run(products, cubes):
    def run(frames, params, out):
        """Add up all inputs."""
        first = next(f for found in frames.values() for f in found)
        for frame in (f for found in frames.values() for f in found):
            if frame.header.get(FAILING):
                raise ValueError("asked to fail")
        total = sum(_value(f) for tag in frames for f in frames[tag])
        for tag in products:
            table = out.table(tag, like=first)
            table.write("SUM", Table({"sum": np.array([total])}, {"sum": "adu"}))
            table.qc["QC TEST SUM"] = total
        for tag in cubes:
            _write_cube(out, tag, first, total)

    return run


def _write_cube(out, tag, first, total):
    wcs = {"CRVAL3": 6000.0, "CRPIX3": 1.0, "CD3_3": 1.25}
    cube = out.cube(tag, (8, 4, 4), unit="count", wcs=wcs, like=first)
    rng = np.random.default_rng(1)
    data = rng.normal(total, 1.0, (8, 4, 4)).astype("f4")
    ones = np.ones_like(data)
    cube.write(slice(0, 8), Planes(data, np.zeros(data.shape, np.uint32), ones))
    cube.qc["QC TEST NDET"] = 3


def _fake(name, scope, raws, masters, products, cubes=()):
    inputs = [
        *(Input(t, "raw", raw=True, optional=len(raws) > 1) for t in raws),
        *(Input(t, "table", raw=not raws, per_ifu=scope == "ifu") for t in masters),
    ]
    made = [Product(t, "table", doc="Sum.") for t in products]
    made += [Product(t, "cube", doc="Cube.") for t in cubes]
    qc = [QC("QC TEST SUM", t, "adu", "Sum.") for t in products]
    qc += [QC("QC TEST NDET", t, "", "Sources.") for t in cubes]
    return Recipe(
        name, "1.0", scope, tuple(inputs), tuple(made), tuple(qc), FakeParams, "Sums.",
        _run(products, cubes),
    )  # fmt: skip


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _fake("muse_bias", "ifu", ["BIAS"], [], ["MASTER_BIAS"]),
        _fake(
            "muse_flat", "ifu", ["FLAT"], ["MASTER_BIAS"], ["MASTER_FLAT", "TRACE_TABLE"]
        ),
        _fake(
            "muse_wavecal",
            "ifu",
            ["ARC"],
            ["MASTER_BIAS", "TRACE_TABLE"],
            ["WAVECAL_TABLE"],
        ),
        _fake(
            "muse_scibasic",
            "ifu",
            ["OBJECT", "SKY", "STD"],
            ["MASTER_BIAS", "MASTER_FLAT", "TRACE_TABLE", "WAVECAL_TABLE"],
            ["PIXTABLE_OBJECT"],
        ),
        _fake("muse_scipost", "exposure", [], ["PIXTABLE_OBJECT"], [], ["DATACUBE_FINAL"]),
    )
}
