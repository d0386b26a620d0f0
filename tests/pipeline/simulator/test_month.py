import json
from collections import Counter
from itertools import pairwise

import pytest

from pipeline.formats.raw import open_raw
from pipeline.instrument import MINI
from pipeline.simulator import month as month_module
from pipeline.simulator.defects import DEFECTS, chosen
from pipeline.simulator.month import exposures, simulate_month
from pipeline.simulator.reference import reference_exposures
from pipeline.spec import BadInput


@pytest.fixture(scope="module")
def plan():
    return exposures(2026, 9, MINI, defects="all")


def test_frames_have_their_own_names_and_seeds_and_are_in_order(plan):
    assert len({e.file_name for e in plan}) == len({e.seed for e in plan}) == len(plan)
    assert [e.start for e in plan] == sorted(e.start for e in plan)


def test_every_night_has_its_calibrations():
    plan = exposures(2026, 9, MINI, nights=(3,))
    kinds = Counter(e.kind for e in plan)
    assert (kinds["BIAS"], kinds["FLAT"], kinds["ARC"], kinds["STD"]) == (5, 5, 9, 1)
    assert kinds["ILLUM"] >= 2 and kinds["SKYFLAT"] == 0
    assert Counter(e.lamp for e in plan if e.kind == "ARC") == {"Ne": 3, "Xe": 3, "HgCd": 3}


def test_month_has_the_cases_of_science(plan):
    blocks = Counter((e.ob.name, e.kind) for e in plan if e.kind in ("OBJECT", "SKY"))
    assert (blocks["SIM-A-1", "OBJECT"], blocks["SIM-A-1", "SKY"]) == (3, 1)
    assert (blocks["SIM-B-1", "OBJECT"], blocks["SIM-B-1", "SKY"]) == (2, 0)
    assert (blocks["SIM-C-1", "OBJECT"], blocks["SIM-C-1", "SKY"]) == (1, 0)
    runs = {e.ob.prog_id for e in plan if e.ob.target == "SIM-D"}
    assert len(runs) == 2
    assert {e.pointing.posang for e in plan if e.ob.name == "SIM-A-1"} == {0.0, 90.0}
    kinds = Counter(e.kind for e in plan)
    assert (kinds["SKYFLAT"], kinds["DARK"], kinds["ASTROMETRY"]) == (6, 3, 1)


def test_science_is_observable(plan):
    night = [e for e in plan if e.kind in ("OBJECT", "SKY", "STD", "ASTROMETRY")]
    assert max(e.airmass() for e in night) < 1.7
    ends = [(a.start, b.start, a.exptime) for a, b in pairwise(plan)]
    assert all((after - start).total_seconds() > exptime for start, after, exptime in ends)


def test_defects_add_blocks_and_leave_the_rest_alone(plan):
    clean = {e.file_name: e.seed for e in exposures(2026, 9, MINI)}
    assert len(clean) < len(plan)
    kept = {e.file_name: e.seed for e in plan if e.file_name in clean}
    assert kept == clean
    assert not any(e.dark_lamp or e.truncated for e in plan if e.file_name in clean)


def test_defects_are_chosen_by_name():
    assert chosen("none") == () and chosen("all") == DEFECTS
    assert [d.name for d in chosen("lost_lamp,missing_master")] == [
        "lost_lamp",
        "missing_master",
    ]
    with pytest.raises(ValueError, match="no defect flood; there are saturated_star"):
        chosen("flood")


def test_files_and_truth_do_not_depend_on_the_workers(tmp_path, monkeypatch):
    plan = exposures(2026, 9, MINI, nights=(3,), defects="truncated_file")
    few = [e for e in plan if e.kind in ("ILLUM", "STD") or e.truncated]
    monkeypatch.setattr(month_module, "exposures", lambda *_, **__: few)
    steps = []
    one, two = (
        simulate_month(
            "2026-09",
            "mini",
            tmp_path / str(workers),
            ifus=[2],
            workers=workers,
            progress=lambda done, total: steps.append((done, total)),
        )
        for workers in (1, 2)
    )
    for e, a, b in zip(few, one, two, strict=True):
        if e.truncated:
            continue
        first, second = (open_raw(path, "RAW")[2].read(slice(0, 700)) for path in (a, b))
        assert (first == second).all()
    assert steps[len(few) - 1] == (len(few), len(few))
    truth = json.loads((tmp_path / "1" / "truth.json").read_text())
    assert [t["file"] for t in truth] == [path.name for path in one]
    assert (tmp_path / "1" / "truth-02.fits").exists()
    broken = next(path for path, e in zip(one, few, strict=True) if e.truncated)
    with pytest.raises(BadInput):
        open_raw(broken, "OBJECT")


def test_reference_night_has_all_that_a_chain_needs():
    kinds = Counter(e.kind for e in reference_exposures(MINI))
    assert kinds == {
        "BIAS": 5, "FLAT": 5, "ARC": 9, "DARK": 3, "SKYFLAT": 3,
        "STD": 1, "ILLUM": 1, "OBJECT": 4, "SKY": 1,
    }  # fmt: skip
