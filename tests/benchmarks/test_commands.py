"""The benchmark compares like with like: commands, costs, frames, floor."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import benchmarks.floor
from benchmarks import frames
from benchmarks.chain import CHAIN, write_sof
from benchmarks.floor import floor, hashing, starting
from benchmarks.measure import CommandFailed, Cost, drop_cached, measure_all
from benchmarks.night import PLANS, Plan, night
from benchmarks.recipes import Bench, Floor, bounds, our_command
from pipeline.inputs import open_inputs
from pipeline.instrument import MINI
from pipeline.runner import find_recipe
from pipeline.simulator.exposure import Exposure, Template
from pipeline.simulator.headers import TEMPLATES
from tests.pipeline.cached_files import in_memory

CALLS = {call.label: call for call in CHAIN}
START = datetime(2026, 9, 2, 11, tzinfo=UTC)


def bias(second, seed):
    template = Template(TEMPLATES["BIAS"], START, 1, 2)
    return Exposure("BIAS", START.replace(second=second), 0.0, template, seed)


@pytest.fixture
def raw(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "night", lambda *_: [bias(0, 1), bias(30, 2)])
    return frames.simulate_frames(tmp_path / "raw", [1, 2], MINI)


@pytest.fixture
def bench(tmp_path, raw):
    masters = tmp_path / "masters"
    masters.mkdir()
    for ifu in (1, 2):
        (masters / f"MASTER_BIAS-{ifu:02d}.fits").touch()
    bench = Bench(tmp_path, raw, [1, 2], 2)
    bench.keep(masters)
    return bench


def listed(sof):
    return [line.split() for line in sof.read_text().splitlines()]


def test_one_genuine_process_per_ifu_with_its_own_masters(bench, tmp_path):
    commands = bench.genuine_commands(CALLS["dark"], tmp_path)
    assert [c[:4] for c in commands] == [
        ("esorex", "--msg-level=warning", "muse_dark", f"--nifu={n}") for n in (1, 2)
    ]
    sofs = [listed(tmp_path / c[-1]) for c in commands]
    names = [[Path(path).name for path, tag in s if tag == "MASTER_BIAS"] for s in sofs]
    assert names == [["MASTER_BIAS-01.fits"], ["MASTER_BIAS-02.fits"]]


def test_both_get_the_same_raw_frames(bench, tmp_path):
    call = CALLS["bias"]
    sof = bench.sof(call, tmp_path, None)
    command = our_command(call, sof, tmp_path)
    assert command[-3:] == ("muse_bias", "--nifu=-1", str(sof))
    biases = [pair for pair in listed(sof) if pair[1] == "BIAS"]
    assert len(biases) == 2
    for theirs in bench.genuine_commands(call, tmp_path):
        assert listed(tmp_path / theirs[-1]) == biases


def test_a_recipe_for_the_whole_field_is_one_process(bench, tmp_path):
    (command,) = bench.genuine_commands(CALLS["exp_align"], tmp_path)
    assert not any(word.startswith("--nifu") for word in command)
    ours = our_command(CALLS["exp_align"], tmp_path / "a.sof", tmp_path)
    assert not any(word.startswith("--nifu") for word in ours)


@pytest.mark.parametrize("at_once", [1, 2])
def test_costs_of_processes_add_up(tmp_path, at_once):
    small, large = (
        (sys.executable, "-c", f"b = b'x' * ({size} << 20)") for size in (1, 100)
    )
    cost = measure_all([small, large], tmp_path, at_once=at_once)
    least = measure_all([small], tmp_path)
    assert cost.rss > least.rss + 90
    together = cost.rss + (least.rss if at_once == 2 else 0)
    assert cost.together == pytest.approx(together, rel=0.1)


def test_a_failing_process_is_told(tmp_path):
    with pytest.raises(CommandFailed, match="ended with 3"):
        measure_all([("true",), (sys.executable, "-c", "exit(3)")], tmp_path, at_once=2)


def test_cold_files_come_from_the_disk(tmp_path):
    path = tmp_path / "x.fits"
    path.write_bytes(bytes(1 << 20))
    assert in_memory(path)
    drop_cached([path])
    assert not in_memory(path)


@pytest.mark.parametrize("cold", [False, True])
def test_both_pipelines_read_cold_files_if_asked(bench, tmp_path, monkeypatch, cold):
    bench.cold, call = cold, CALLS["dark"]
    seen = {}

    def look(name):
        def run(*_):
            seen[name] = [in_memory(p) for p, tag in bench.inputs(call, None)]
            for path, _tag in bench.inputs(call, None):
                path.read_bytes()

        return run

    for path, _ in bench.inputs(call, None):
        path.write_bytes(bytes(10_000))
    for name in ("ours", "genuine"):
        monkeypatch.setattr(bench, name, look(name))
    monkeypatch.setattr(bench, "floor", lambda *_: None)
    bench.compare(call)
    assert seen == {name: [not cold] * 2 for name in ("ours", "genuine")}


def test_the_floor_reads_cold_files_if_asked(raw, tmp_path, monkeypatch, capsys):
    inputs = sorted(raw.glob("MUSE*.fits"))
    sof = write_sof(tmp_path / "bias.sof", [(path, "BIAS") for path in inputs])
    for name in ("hashing", "starting"):
        monkeypatch.setattr(f"benchmarks.floor.{name}", lambda *_: {})
    monkeypatch.setattr("benchmarks.floor.floor", lambda *_: [*map(in_memory, inputs)])
    for option, there in ((), True), (("--cold",), False):
        monkeypatch.setattr(sys, "argv", ["", "muse_bias", str(sof), ".", *option])
        benchmarks.floor.main()
        assert json.loads(capsys.readouterr().out)["least"] == [there] * len(inputs)


def test_only_missing_frames_are_simulated(raw):
    first, second = sorted(raw.glob("MUSE*.fits"))
    before = second.stat().st_mtime_ns
    first.unlink()
    frames.simulate_frames(raw, [1, 2], MINI)
    assert first.exists() and second.stat().st_mtime_ns == before
    frames.simulate_frames(raw, [1], MINI)
    assert second.stat().st_mtime_ns > before
    with fits.open(second) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["CHAN01"]


def test_packed_frames_hold_the_same_counts(raw):
    frames.simulate_frames(raw, [1, 2], MINI, packed=True)
    for plain in raw.glob("MUSE*.fits"):
        with fits.open(plain) as a, fits.open(f"{plain}.fz") as b:
            assert b["CHAN02"].compression_type == "RICE_1"
            np.testing.assert_array_equal(a["CHAN02"].data, b["CHAN02"].data)


def test_the_real_night_has_the_numbers_of_a_calibration_plan():
    exposures = night(MINI, PLANS["real"])
    kinds = [e.kind for e in exposures]
    assert [kinds.count(k) for k in ("BIAS", "DARK", "FLAT", "ARC")] == [11, 5, 11, 15]
    assert len({e.file_name for e in exposures}) == len(exposures)
    assert [e.start for e in exposures] == sorted(e.start for e in exposures)
    small = {e.file_name for e in night(MINI, Plan()) if e.kind not in ("FLAT", "ARC")}
    assert {e.file_name for e in exposures} >= small


def test_what_bounds_a_call_adds_up_to_its_cost():
    floor = Floor(*(Cost(wall, 2 * wall, 0.0, 0.0) for wall in (0.8, 0.5, 0.3)))
    text = bounds(CHAIN[0], Cost(2.0, 4.5, 0.0, 0.0), floor)
    assert "wall least 0.80, start 0.50, md5 0.30, rest 0.40 s" in text
    assert "cpu least 1.60, start 1.00, md5 0.60, rest 1.30 s" in text
    assert "wall 2.5, without start 1.9, without MD5 too 1.5" in text


def test_the_md5_of_products_that_tell_it_and_the_start_take_time(tmp_path):
    product = tmp_path / "x.fits"
    unit = fits.PrimaryHDU(np.zeros(10_000_000, np.uint8))
    unit.writeto(product)
    assert hashing([product])["cpu"] < 0.001
    unit.header["DATAMD5"] = "0" * 32
    unit.writeto(product, overwrite=True)
    for found in (hashing([product]), starting()):
        assert found["wall"] > 0 and found["cpu"] > 0.001


def test_the_floor_needs_whole_inputs_and_leaves_nothing(raw, tmp_path):
    product = tmp_path / "products" / "MASTER_BIAS-01.fits"
    product.parent.mkdir()
    product.write_bytes(bytes(5000))
    inputs = [(path, "BIAS") for path in sorted(raw.glob("MUSE*.fits"))]
    cost = floor(open_inputs(find_recipe("muse_bias"), inputs), [product])
    assert cost["wall"] > 0 and cost["cpu"] > 0
    assert list(product.parent.iterdir()) == [product]
    inputs[0][0].write_bytes(inputs[0][0].read_bytes()[:-30000])
    with pytest.raises(Exception, match="truncated"):
        floor(open_inputs(find_recipe("muse_bias"), inputs), [product])
