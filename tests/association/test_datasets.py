from dataclasses import replace

import pytest

from association.datasets import (
    calibration_sets,
    deep_groups,
    mean_time,
    missing_exposures,
    request_of,
    science_datasets,
)
from tests.association.month import START, WFM, arcs, chips, night, raw, sequence


def test_calibrations_are_grouped_by_template_and_setup() -> None:
    frames = [*sequence("BIAS", START, 5), *sequence("BIAS", START + 1, 5), *arcs(START)]
    sets = calibration_sets(frames[::-1])
    assert [(s.tag, len(s.frames)) for s in sets] == [("ARC", 9), ("BIAS", 5), ("BIAS", 5)]
    assert len({s.name for s in sets}) == 3
    assert all(list(s.frames) == sorted(s.frames, key=lambda f: f.mjd_obs) for s in sets)


def test_one_template_with_two_modes_makes_two_sets() -> None:
    frames = sequence("FLAT", START, 4)
    frames[2:] = [replace(f, setup=replace(WFM, mode="WFM-AO-N")) for f in frames[2:]]
    assert [len(s.frames) for s in calibration_sets(frames)] == [2, 2]


def test_setups_of_one_mode_in_one_template_have_names_of_their_own() -> None:
    other = replace(WFM, readout="2")
    biases, exposures = sequence("BIAS", START, 6), night(START)
    biases[3:] = [replace(f, setup=other) for f in biases[3:]]
    exposures += [replace(f, setup=other, name=f"x{f.name}") for f in exposures]
    sets = [*calibration_sets(biases), *science_datasets(exposures)]
    assert len({s.name for s in sets}) == len(sets) == 4
    assert [s.name for s in calibration_sets(biases[:3])] == [
        "MUSE.BIAS61285.000_BIAS_WFM-NOAO-N"
    ]


def test_science_is_grouped_by_ob_and_template_with_its_sky() -> None:
    (dataset,) = science_datasets(night(START))
    assert (len(dataset.objects), len(dataset.skies)) == (2, 1)
    assert dataset.nearest_sky(dataset.objects[0]) is dataset.skies[0]
    again = science_datasets([*night(START), *night(START + 1)])
    assert len(again) == 2 and again[0].name != again[1].name


def test_the_nearest_sky_is_found_by_the_middle_of_the_exposure() -> None:
    shared = {"obs_id": 1, "tpl_start": "t"}
    frames = [
        raw("SKY", START, **shared),
        raw("OBJECT", START + 0.01, exptime_s=3456.0, **shared),
        raw("SKY", START + 0.05, name="second", **shared),
    ]
    (dataset,) = science_datasets(frames)
    sky = dataset.nearest_sky(dataset.objects[0])
    assert sky is not None and sky.name == "second"


def test_deep_groups_join_observation_blocks_also_across_runs() -> None:
    second = [
        replace(f, obs_id=200, prog_id="60.A-9100(B)", target="Other name", ra=53.001)
        for f in night(START + 5)
    ]
    alone = [replace(f, ra=80.0, obs_id=300) for f in night(START + 7)]
    groups = deep_groups(science_datasets([*night(START), *second, *alone]))
    assert [g.obs_ids for g in groups] == [(100, 200)]
    assert groups[0].prog_ids == ("60.A-9100(A)", "60.A-9100(B)")


def test_one_block_twice_is_not_deep_and_neither_is_the_narrow_field() -> None:
    assert deep_groups(science_datasets([*night(START), *night(START + 1)])) == []
    narrow = replace(WFM, mode="NFM-AO-N")
    frames = [replace(f, setup=narrow) for f in night(START)]
    frames += [replace(f, setup=narrow, obs_id=2) for f in night(START + 1)]
    assert deep_groups(science_datasets(frames)) == []


def test_fields_meet_across_right_ascension_zero() -> None:
    east = [replace(f, ra=0.001) for f in night(START)]
    west = [replace(f, ra=359.999, obs_id=2) for f in night(START + 1)]
    assert len(deep_groups(science_datasets([*east, *west]))) == 1


def test_a_request_is_the_mean_of_its_frames() -> None:
    frames = sequence("BIAS", START, 3, temperature=10.0)
    frames[1] = replace(frames[1], temperature=13.0)
    request = request_of(frames, "calibration")
    assert request.mjd_mid == pytest.approx(START + 1 / 1440)
    assert request.temperature == pytest.approx(11.0)
    assert request.chips == chips(2)
    assert mean_time(frames[:1]) == START


def test_missing_exposures_are_noted() -> None:
    frames = sequence("BIAS", START, 5)
    assert missing_exposures(frames) == ()
    assert "4 of the 5" in missing_exposures(frames[:4])[0]
