"""The numbers behind a score come from the newest recipe calls of a block only."""

import pytest

from phoenix.db.models import QC1, Association, Block, Job, Member, Product, RawFile
from phoenix.evidence import Evidence, finals, score_inputs
from phoenix.science import Relations, nearest_calibration, process_flags

SATURATED = "QC SCIBASIC NSATURATED"


def job(identity, step, ifu, tag, state="done", **numbers):
    values = [QC1(name=name, number=number) for name, number in numbers.items()]
    made = [Product(tag=tag, ifu=ifu, name=f"{identity}.fits", qc1=values)]
    return Job(
        identity=identity, step=step, ifu=ifu, state=state,
        products=made if state == "done" else [],
    )  # fmt: skip


def first_stage(identity, ifu, n_saturated, state="done"):
    numbers = {SATURATED: n_saturated}
    return job(identity, "scibasic_object_1", ifu, "PIXTABLE_OBJECT", state, **numbers)


@pytest.fixture
def block():
    """A block that ran, failed, and ran again on better calibrations."""
    raw = RawFile(name="a.fits", exptime_s=600.0, chips={"1": "x", "2": "y"})
    return Block(
        finals={"scipost_1": "SCBS OBJ"},
        members=[Member(tag="OBJECT", position=0, raw=raw)],
        jobs=[
            first_stage("old1", 1, 200.0),
            first_stage("old2", 2, 200.0),
            job("old", "scipost_1", 0, "DATACUBE_FINAL"),
            first_stage("new1", 1, 20.0),
            first_stage("new2", 2, 20.0, state="failed"),
            job("new", "scipost_1", 0, "DATACUBE_FINAL"),
        ],
    )


def test_a_block_that_ran_twice_has_one_product(block):
    assert [e.product.name for e in finals(block)] == ["new.fits"]


def test_numbers_of_superseded_calls_do_not_count(block):
    (evidence,) = finals(block)
    assert evidence.saturated() == {"scibasic_object_1": 20}
    assert score_inputs(evidence).n_saturated == 20


def exposure_of_24(number, odd=0):
    """Return the evidence of an exposure with 30 rejected pixels in most of its IFUs."""
    raw = RawFile(name="a", exptime_s=600.0, chips={str(k): "x" for k in range(1, 25)})
    counts = {f"QC SCIPOST EXP1 IFU{k:02d} NCOSMIC": number for k in range(2, 25)}
    counts["QC SCIPOST EXP1 IFU07 NCOSMIC"] += odd
    counts["QC SCIPOST EXP1 NCOSMIC"] = sum(counts.values())
    block = Block(
        mode="WFM-NOAO-N", members=[Member(tag="OBJECT", position=0, raw=raw)],
        jobs=[job("a", "scipost_1", 0, "DATACUBE_FINAL", **counts)],
    )  # fmt: skip
    return Evidence(block, block.jobs[0].products[0], "SCBS")


def cosmic_verdicts(evidence, month):
    flags = process_flags(evidence, Relations(month))
    return {f.name: f.verdict for f in flags if f.name.startswith("COSMICS")}


def test_odd_numbers_of_cosmics_show_by_exposure_and_by_ifu():
    month = [exposure_of_24(30) for _ in range(6)]
    green = {"COSMICS_IFU": "green", "COSMICS": "green"}
    assert cosmic_verdicts(month[0], month) == green
    assert cosmic_verdicts(exposure_of_24(60), month) == green | {"COSMICS": "red"}
    assert cosmic_verdicts(exposure_of_24(30, 400), month)["COSMICS_IFU"] == "red"
    assert month[0].cosmics()[0][0][1] == 0


def test_a_sky_cube_is_scored_by_its_own_calibrations():
    steps = {"scibasic_object_1": 0.1, "scibasic_sky_1": 0.5, "scipost_sky": 0.3}
    rows = [
        Association(step=s, tag="T", name=s, chosen=True, closeness=c, level=0)
        for s, c in steps.items()
    ]
    block = Block(associations=rows)
    assert nearest_calibration(Evidence(block, Product(), "SCBX")).closeness == 0.3
    assert nearest_calibration(Evidence(block, Product(), "SCBC")).closeness == 0.1
