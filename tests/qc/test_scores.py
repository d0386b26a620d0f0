from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner import load_recipes
from qc.certify import certify
from qc.limits import LIMITS, Limit, limits_in_force
from qc.process import saturation
from qc.scores import Tally, bounds, roll_up, score, score_product, tally
from qc.trend import MAD_TO_SIGMA, Trend, robust_trend, trend_at

FIXED = Limit("MASTER_BIAS", "QC BIAS MASTER# RON", "test", low=2.0, high=3.0)
TREND = Limit("MASTER_FLAT", "QC FLAT MASTER INTFLUX", "test", kind="trend", floor_rel=0.05)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (2.0, "green"),
        (3.0, "green"),
        (3.0001, "red"),
        (1.9, "red"),
        (nan, "red"),
        (inf, "red"),
    ],
)
def test_fixed_limits_hold_their_ends(value: float, verdict: str) -> None:
    assert score(FIXED, "QC BIAS MASTER1 RON", value).verdict == verdict


def test_a_trend_that_is_not_there_gives_no_verdict() -> None:
    made = score(TREND, "QC FLAT MASTER INTFLUX", 7.0)
    assert made.verdict == "unknown" and "no trend" in made.text
    assert tally([made]) == Tally(0, 0)


def test_a_trend_limit_is_five_sigma_but_never_below_its_floor() -> None:
    assert bounds(TREND, Trend(100.0, 10.0, 9)) == (50.0, 150.0)
    assert bounds(TREND, Trend(100.0, 0.1, 9)) == (95.0, 105.0)


def test_running_numbers_match_and_other_keywords_do_not() -> None:
    qc = {
        "ESO QC BIAS MASTER1 RON": 2.5,
        "QC BIAS MASTER4 RON": 9.0,
        "QC BIAS X": 1,
        "A": "b",
    }
    made = score_product("MASTER_BIAS", qc, {}, "2026-09-01", [FIXED])
    assert [s.verdict for s in made] == ["green", "red"]
    assert score_product("MASTER_DARK", qc, {}, "2026-09-01", [FIXED]) == []


def test_limits_are_dated_and_versioned() -> None:
    newer = Limit(
        "MASTER_BIAS", FIXED.keyword, "test", high=4.0, since="2026-09-01", version=2
    )
    rows = [newer, FIXED]
    before = limits_in_force("MASTER_BIAS", "QC BIAS MASTER1 RON", "2026-08-31", rows)
    after = limits_in_force("MASTER_BIAS", "QC BIAS MASTER1 RON", "2026-09-01", rows)
    assert [x.version for x in before] == [1] and [x.version for x in after] == [2]


def test_the_table_is_sound() -> None:
    rows = [(x.tag, x.keyword, x.kind, x.version) for x in LIMITS]
    assert len(rows) == len(set(rows))
    for row in LIMITS:
        assert row.source and row.low <= row.high and row.keyword.startswith("QC ")
        assert row.kind == "fixed" or row.n_sigma > 0


def test_every_limit_is_about_a_number_that_a_recipe_writes() -> None:
    declared = {(q.product, q.name) for r in load_recipes().values() for q in r.qc}
    assert {(limit.tag, limit.keyword) for limit in LIMITS} <= declared


@pytest.mark.parametrize("pixels", [299, 300])
def test_limits_and_score_flag_agree_on_saturation(pixels: int) -> None:
    rows = [limit for limit in LIMITS if "NSATURATED" in limit.keyword]
    verdicts = {score(row, row.keyword, pixels).verdict for row in rows}
    assert verdicts == {saturation({"raw": pixels}).verdict}


def test_scores_roll_up_the_tree() -> None:
    good, bad = score(FIXED, "a", 2.5), score(FIXED, "a", 9.0)
    root = roll_up(
        {("BIAS", "night1", "ifu1"): [good, bad], ("BIAS", "night1", "ifu2"): [good]}
    )
    report = root.children["BIAS"].children["night1"]
    assert str(root.tally) == str(report.tally) == "1/3"
    assert str(report.children["ifu2"].tally) == "0/1"
    assert report.tally.verdict == "red" and Tally().verdict == "unknown"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 5)), max_size=20))
def test_a_roll_up_loses_nothing(items: list[tuple[str, float]]) -> None:
    scores = {(g, str(i)): [score(FIXED, "x", v)] for i, (g, v) in enumerate(items)}
    root = roll_up(scores)
    assert root.tally == tally(s for group in scores.values() for s in group)


def test_green_is_certified_and_red_waits_for_a_person() -> None:
    good, bad = score(FIXED, "QC A", 2.5), score(FIXED, "QC A", 9.0)
    assert certify([good, good]).status == "certified"
    assert certify([good]).comment == "AUTO: 0/1"
    red = certify([good, bad])
    assert (red.status, red.n_red, red.n_total) == ("review", 1, 2)
    assert "QC A = 9 is outside 2 to 3" in red.comment
    assert certify([good], ["the lamp flickered"]).status == "review"


def test_nothing_judged_is_not_good_news() -> None:
    assert certify([]).status == "review"
    assert certify([score(TREND, "x", 1.0)]).status == "review"


def test_trends_ignore_outliers() -> None:
    trend = robust_trend([1.0, 1.1, 0.9, 1.05, 0.95, 100.0, nan])
    assert trend is not None
    assert trend.median == pytest.approx(1.025) and trend.n == 6
    assert trend.distance(100.0) > 100 and trend.distance(trend.median) == 0
    assert robust_trend([1.0] * 4) is None
    assert Trend(1.0, 0.0, 9).distance(1.1) == inf


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=30),
    shift=st.floats(-1e3, 1e3),
)
def test_trends_move_with_their_values(values: list[float], shift: float) -> None:
    first, moved = robust_trend(values), robust_trend([v + shift for v in values])
    assert first is not None and moved is not None
    assert moved.median == pytest.approx(first.median + shift, abs=1e-6)
    assert moved.sigma == pytest.approx(first.sigma, abs=1e-6)


def test_the_sigma_of_a_trend_is_that_of_a_normal_distribution() -> None:
    values = [-1.5, -0.6745, 0.0, 0.6745, 1.5]
    trend = robust_trend(values)
    assert trend is not None and trend.sigma == pytest.approx(MAD_TO_SIGMA * 0.6745)


def test_trends_span_both_ends() -> None:
    points = [(float(day), float(day)) for day in range(10)]
    trend = trend_at(points, 4.0, span_d=2.0)
    assert trend == Trend(4.0, pytest.approx(MAD_TO_SIGMA), 5)
    assert trend_at(points, 40.0, span_d=2.0) is None
