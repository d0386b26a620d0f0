from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest

from qc.flags import ScoreInputs, score_flag
from qc.process import (
    calibration_distance,
    cosmics_per_ccd,
    cosmics_per_exposure,
    depth_against_variance,
    expected_snr,
    missing_sky,
    negative_counts,
    saturation,
    snr_against_counts,
    snr_relation,
)
from qc.trend import robust_trend

SINGLE = ScoreInputs(True, True, False, 0, 0.4, True, 12, 8, 0.3, 0.02)
COMBINED = replace(
    SINGLE, combined=True, alignment_deg=1e-5, n_unmatched=0, template_complete=True
)


def test_the_three_kinds_of_single_cube() -> None:
    assert str(score_flag(SINGLE)) == "000000000"
    assert str(score_flag(replace(SINGLE, has_sky=False))) == "001000000"
    sky = replace(SINGLE, is_object=False, n_sources=0)
    assert str(score_flag(sky)) == "011000000"
    assert all(str(score_flag(x).tally) == "0/7" for x in (SINGLE, sky))


def test_a_combined_cube_has_eleven_bits_of_which_nine_count() -> None:
    assert str(score_flag(COMBINED)) == "00000000000"
    assert str(score_flag(COMBINED).tally) == "0/9"


FAULTS: list[tuple[int, dict[str, Any]]] = [
    (1, {"sky_fit_errors": 1}),
    (1, {"sky_fit_errors": None}),
    (4, {"arc_days": 1.5001}),
    (4, {"arc_days": None}),
    (5, {"twilight_used": False}),
    (6, {"n_saturated": 300}),
    (6, {"n_saturated": None}),
    (7, {"n_sources": 0}),
    (7, {"n_sources": None}),
    (8, {"background": -20.0}),
    (8, {"background": None}),
    (9, {"lambda_shift": 0.5}),
    (9, {"lambda_shift": None}),
    (10, {"alignment_deg": 6e-5}),
    (10, {"n_unmatched": 1}),
    (10, {"alignment_deg": None}),
    (11, {"template_complete": False}),
    (11, {"template_complete": None}),
]


@pytest.mark.parametrize(("number", "changes"), FAULTS)
def test_each_fault_sets_its_own_bit(number: int, changes: dict[str, Any]) -> None:
    made = score_flag(replace(COMBINED, **changes))
    assert [b.number for b in made.bits if b.digit == "1"] == [number]
    assert made.bits[number - 1].meaning == "bad" and str(made.tally) == "1/9"
    assert all(bit.text and bit.name for bit in made.bits)


@pytest.mark.parametrize(
    "changes", [{"arc_days": 1.5}, {"n_saturated": 299}, {"background": -19.9}]
)
def test_ends_that_are_still_good(changes: dict[str, Any]) -> None:
    assert str(score_flag(replace(COMBINED, **changes))) == "0" * 11


def test_saturation_takes_the_worst_input() -> None:
    assert saturation({"a": 10, "b": 299}).verdict == "green"
    worst = saturation({"a": 10, "b": 300})
    assert worst.verdict == "red" and worst.value == 300 and "in b" in worst.text
    assert saturation({}).verdict == "unknown"


def test_missing_sky_concerns_objects_only() -> None:
    assert missing_sky(is_object=True, has_sky=False).verdict == "red"
    assert missing_sky(is_object=True, has_sky=True).verdict == "green"
    assert missing_sky(is_object=False, has_sky=False).verdict == "green"


def test_negative_counts_and_distance() -> None:
    assert negative_counts(3.5e-4).verdict == "green"
    assert negative_counts(1.7e-3).verdict == "red"
    assert calibration_distance(0.6, 0, "bias").verdict == "green"
    assert calibration_distance(0.6, 2, "bias").verdict == "red"
    assert calibration_distance(0.01, 1, "bias").verdict == "red"


def test_an_ifu_with_odd_cosmics_shows() -> None:
    rng = np.random.default_rng(1)
    counts = {ifu: int(rng.poisson(2000)) for ifu in range(1, 25)}
    flag, rates = cosmics_per_ccd(counts, 600.0)
    assert flag.verdict == "green" and rates[1] == pytest.approx(counts[1] / 0.6)
    counts[7] = 4000
    flag, _ = cosmics_per_ccd(counts, 600.0)
    assert flag.verdict == "red" and "IFU 7" in flag.text


def test_one_more_track_is_no_odd_ifu() -> None:
    tracks = np.random.default_rng(4)
    for _ in range(200):
        counts = {k: int(tracks.poisson(3, tracks.poisson(6)).sum()) for k in range(1, 25)}
        assert cosmics_per_ccd(counts, 300.0)[0].verdict == "green"


def test_cosmics_without_enough_numbers() -> None:
    assert cosmics_per_ccd({}, 600.0)[0].verdict == "unknown"
    assert cosmics_per_ccd({1: 5}, 0.0)[0].verdict == "unknown"
    assert cosmics_per_ccd({1: 5, 2: 500}, 10.0)[0].verdict == "unknown"
    assert cosmics_per_ccd({1: 0, 2: 0, 3: 1}, 10.0)[0].verdict == "green"


def test_an_exposure_with_odd_cosmics_shows() -> None:
    month = robust_trend([3000.0, 3050.0, 2980.0, 3020.0, 3010.0])
    assert cosmics_per_exposure(3150.0, month).verdict == "green"
    assert cosmics_per_exposure(6000.0, month).verdict == "red"
    assert cosmics_per_exposure(6000.0, None).verdict == "unknown"


def test_poisson_noise_of_a_short_exposure_is_not_flagged():
    month = robust_trend([95.0, 96.0, 97.0, 98.0, 99.0, 100.0])
    assert cosmics_per_exposure(148.0, month, ccd_ks=2 * 0.3).verdict == "green"
    assert cosmics_per_exposure(148.0, month, ccd_ks=24 * 3.0).verdict == "red"


def test_a_few_long_tracks_make_no_odd_exposure() -> None:
    month = robust_trend([95.0, 96.0, 97.0, 98.0, 99.0, 100.0])
    assert cosmics_per_exposure(200.0, month, ccd_ks=2 * 0.3).verdict == "green"


def test_expected_snr_is_that_of_poisson_counts() -> None:
    assert expected_snr(100.0, 0.0, 0.0, 0.0) == pytest.approx(10.0)
    assert expected_snr(100.0, 200.0, 4.0, 5.0, 1.3) == pytest.approx(1.3 * 100 / sqrt(400))
    assert expected_snr(0.0, 0.0, 0.0, 0.0) == 0.0


def test_snr_is_held_against_the_month() -> None:
    rng = np.random.default_rng(2)
    pairs = [(1.2 * e * float(np.exp(rng.normal(0, 0.03))), e) for e in range(5, 25)]
    relation = snr_relation(pairs)
    assert relation is not None and np.exp(relation.median) == pytest.approx(1.2, rel=0.03)
    assert snr_against_counts(12.5, 10.0, relation).verdict == "green"
    assert snr_against_counts(6.0, 10.0, relation).verdict == "red"
    assert snr_against_counts(-1.0, 10.0, relation).verdict == "red"
    assert snr_against_counts(12.0, 10.0, None).verdict == "unknown"


def test_depth_against_what_the_variance_promises() -> None:
    month = robust_trend([-0.3, -0.25, -0.35, -0.3, -0.28, -0.31])
    assert depth_against_variance(24.4, 24.7, month).verdict == "green"
    rough = depth_against_variance(23.6, 24.7, month)
    assert rough.verdict == "red" and rough.value == pytest.approx(-1.1)
    assert "limit 23.60 mag, the variance promises 24.70" in rough.text
    assert depth_against_variance(float("nan"), 24.7, month).verdict == "red"
    assert depth_against_variance(24.4, 24.7, None).verdict == "unknown"
