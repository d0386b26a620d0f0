import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline import inputs, parallel
from pipeline.formats.image import open_images
from pipeline.formats.raw import open_raw
from pipeline.formats.raw_writer import write_raw
from pipeline.formats.scan import scan
from pipeline.instrument import MINI
from pipeline.runner import find_recipe, load_recipes, run
from pipeline.spec import BadInput
from tests.pipeline import rawbias


@pytest.fixture(scope="module")
def biases(tmp_path_factory):
    return rawbias.write_biases(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def masters(biases, tmp_path_factory):
    return run("muse_bias", biases, {"nhigh": 2}, tmp_path_factory.mktemp("out"))


def sums(path):
    return [unit.header["DATASUM"] for unit in scan(path)]


def test_each_ifu_gives_a_product(masters):
    assert [(p.path.name, p.tag, p.ifu, p.number) for p in masters] == [
        ("MASTER_BIAS-01.fits", "MASTER_BIAS", 1, None),
        ("MASTER_BIAS-02.fits", "MASTER_BIAS", 2, None),
    ]
    for product in masters:
        (image,) = open_images(product.path, "MASTER_BIAS").values()
        assert image.ifu == product.ifu
        assert image.header["ESO QC BIAS MASTER1 RON"] == product.qc["QC BIAS MASTER1 RON"]
    assert {path.name for path in masters[0].path.parent.iterdir()} == {
        p.path.name for p in masters
    }


def test_products_say_where_they_come_from(masters):
    with fits.open(masters[1].path, checksum=True) as units:
        header = units[0].header
    assert header["EXTNAME"] == "CHAN02"
    assert header["PIPEFILE"] == "MASTER_BIAS-02.fits"
    assert header["ESO PRO CATG"] == "MASTER_BIAS"
    assert header["ESO PRO ANCESTOR"] == "MUSE.2026-09-01T10:00:00.000.fits"
    assert header["ESO PRO DATANCOM"] == 3
    assert header["ESO PRO REC1 ID"] == "muse_bias"
    assert header["ESO PRO REC1 RAW3 NAME"] == "bias2.fits"
    assert header["ESO PRO REC1 RAW3 CATG"] == "BIAS"
    assert "muse" in header["ESO PRO REC1 PIPE ID"]
    n_params = len(header["ESO PRO REC1 PARAM* NAME"])
    names = {header[f"ESO PRO REC1 PARAM{i} NAME"]: i for i in range(1, n_params + 1)}
    assert (names["nifu"], names["merge"]) == (1, n_params)
    assert header[f"ESO PRO REC1 PARAM{names['nhigh']} VALUE"] == "2"
    assert header.comments[f"ESO PRO REC1 PARAM{names['nhigh']} VALUE"] == "Default: 1"
    assert header.comments["EXPTIME"] == "[s] exposure time"
    assert "ESO DPR TYPE" not in header and "ESO DET OUT1 PRSCX" not in header
    assert header["ESO INS MODE"] == "WFM-NOAO-N"
    assert not [k for k in header if k.startswith("ESO PRO REC1 CAL")]


def test_one_ifu_and_the_number_of_threads_do_not_change_results(
    biases, masters, tmp_path, monkeypatch
):
    monkeypatch.setattr(parallel, "n_threads", lambda: 1)
    (alone,) = run("muse_bias", biases, {"nhigh": 2}, tmp_path, nifu=2)
    assert sums(alone.path)[1:] == sums(masters[1].path)[1:]
    assert alone.qc == masters[1].qc


def test_ifus_are_merged_on_request(biases, masters, tmp_path):
    (product,) = run("muse_bias", biases, {}, tmp_path, merge=True)
    assert product.path.name == "MASTER_BIAS.fits"
    with fits.open(product.path, checksum=True) as units:
        names = [f"CHAN{i:02d}.{p}" for i in (1, 2) for p in ("DATA", "DQ", "STAT")]
        assert [unit.name for unit in units[1:]] == names
        assert "ESO QC BIAS MASTER1 RON" not in units[0].header
        assert units["CHAN02.DATA"].header["QUALDATA"] == "CHAN02.DQ"
    images = open_images(product.path, "MASTER_BIAS")
    assert (
        images[2].header["ESO QC BIAS MASTER1 RON"] == masters[1].qc["QC BIAS MASTER1 RON"]
    )
    (single,) = open_images(masters[1].path, "MASTER_BIAS").values()
    rows = slice(0, 1344)
    for a, b in zip(images[2].read(rows), single.read(rows), strict=True):
        assert_array_equal(a, b)


@pytest.fixture(scope="module")
def darks(tmp_path_factory):
    """Raw darks of two IFUs."""
    folder, sof = tmp_path_factory.mktemp("darks"), []
    for number in range(3):
        primary = rawbias.primary(number)
        primary["EXPTIME"] = 1800.0
        images = {
            ifu: (rawbias.counts(500 + 10 * number + ifu), rawbias.extension(ifu))
            for ifu in (1, 2)
        }
        write_raw(folder / f"dark{number}.fits", primary, images)
        sof.append((folder / f"dark{number}.fits", "DARK"))
    return sof


def test_masters_may_be_separate_merged_or_mixed(biases, darks, masters, tmp_path):
    params = {"nhigh": 2}
    (both,) = run("muse_bias", biases, params, tmp_path / "both", merge=True)
    (second,) = run("muse_bias", biases, params, tmp_path / "two", nifu=2, merge=True)
    found = []
    for k, given in enumerate((masters, [both], [masters[0], second])):
        sof = [*darks, *((m.path, "MASTER_BIAS") for m in given)]
        made = run("muse_dark", sof, {}, tmp_path / f"out{k}")
        found.append([(p.ifu, sums(p.path)[1:]) for p in made])
    assert [ifu for ifu, _ in found[0]] == [1, 2]
    assert found[1] == found[0] and found[2] == found[0]


def test_a_table_of_bad_pixels_may_hold_all_ifus(darks, masters, tmp_path):
    """Positions are raw ones, from 1; the next pixel is the first light-sensitive one."""
    first = MINI.scan + 1
    units = [fits.PrimaryHDU()]
    for ifu in (1, 2):
        columns = [
            fits.Column(name, "J", array=np.array([value]))
            for name, value in (("xpos", first + ifu), ("ypos", first), ("status", 512))
        ]
        columns.append(fits.Column("value", "E", array=np.zeros(1)))
        units.append(fits.BinTableHDU.from_columns(columns, name=f"CHAN{ifu:02d}"))
    fits.HDUList(units).writeto(tmp_path / "bad.fits")
    sof = [*darks, *((m.path, "MASTER_BIAS") for m in masters)]
    sof.append((tmp_path / "bad.fits", "BADPIX_TABLE"))
    for product in run("muse_dark", sof, {}, tmp_path / "out"):
        (image,) = open_images(product.path, "MASTER_DARK").values()
        flagged = np.flatnonzero(image.read(slice(0, 1)).dq[0, :4] & 512)
        assert flagged.tolist() == [product.ifu]


def test_inputs_are_checked_before_anything_is_written(biases, tmp_path):
    out = tmp_path / "out"
    for sof, problem in (
        (biases[:2], "needs 3 BIAS"),
        ([*biases, (tmp_path / "none.fits", "BIAS")], r"none\.fits"),
        ([], "nothing to process for muse_bias"),
    ):
        with pytest.raises(BadInput, match=problem):
            run("muse_bias", sof, {}, out)
    with pytest.raises(BadInput, match="no raw frame holds IFU 7"):
        run("muse_bias", biases, {}, out, nifu=7)
    with pytest.raises(BadInput, match="--combine"):
        run("muse_bias", biases, {"combine": "best"}, out)
    with pytest.raises(BadInput, match="--nothing"):
        run("muse_bias", biases, {"nothing": 1}, out)
    with pytest.raises(BadInput, match="no recipe 'muse_none'"):
        find_recipe("muse_none")
    assert not out.exists() or not list(out.iterdir())


def test_files_with_unknown_tags_are_left_out_with_a_warning(
    biases, masters, tmp_path, caplog
):
    other = (tmp_path / "flat.fits", "FLAT")
    made = run("muse_bias", [*biases, other], {"nhigh": 2}, tmp_path / "out")
    assert [sums(p.path)[1:] for p in made] == [sums(p.path)[1:] for p in masters]
    assert "flat.fits: left out, muse_bias has no use for the tag FLAT" in caplog.text
    assert "Remedy: " in caplog.text


def test_frames_of_another_setup_are_refused(biases, tmp_path):
    primary = rawbias.primary(5)
    primary["HIERARCH ESO DET READ CURID"] = 2
    image = {1: (rawbias.counts(5), rawbias.extension(1))}
    write_raw(tmp_path / "fast.fits", primary, image)
    sof = [*biases, (tmp_path / "fast.fits", "BIAS")]
    with pytest.raises(BadInput, match=r"fast\.fits, ESO DET READ CURID: is 2, but 1"):
        run("muse_bias", sof, {}, tmp_path / "out", nifu=1)
    with pytest.raises(BadInput, match=r"fast\.fits, CHAN02: has no data of IFU 2"):
        run("muse_bias", sof, {}, tmp_path / "out", nifu=2)


def test_decompressed_images_of_an_ifu_are_not_kept(tmp_path, monkeypatch):
    sof = []
    for seed in range(3):
        images = {i: (rawbias.counts(seed + 3 * i), rawbias.extension(i)) for i in (1, 2)}
        path = tmp_path / f"bias{seed}.fits.fz"
        write_raw(path, rawbias.primary(seed), images, compress=True)
        sof.append((path, "BIAS"))
    monkeypatch.setattr(parallel, "n_threads", lambda: 1)
    opened = []

    def opener(path, tag):
        opened.extend(frames := open_raw(path, tag).values())
        return {frame.ifu: frame for frame in frames}

    monkeypatch.setitem(inputs._OPEN, "raw", opener)
    assert len(run("muse_bias", sof, {}, tmp_path / "out")) == 2
    assert len(opened) == 6
    assert not [frame for frame in opened if "_plane" in vars(frame)]


def test_a_failure_leaves_nothing_behind(biases, tmp_path, monkeypatch):
    recipe = find_recipe("muse_bias")

    def fail(frames, params, out):
        image = out.image("MASTER_BIAS", (1344, 448), unit="adu", like=frames["BIAS"][0])
        image.qc["QC BIAS MASTER NBADPIX"] = np.nan
        raise RuntimeError("broken")

    monkeypatch.setitem(
        load_recipes.__globals__["REGISTRY"],
        "muse_bias",
        type(recipe)(**{**recipe.__dict__, "run": fail}),
    )
    with pytest.raises(RuntimeError, match="broken"):
        run("muse_bias", biases, {}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_left_overs_of_killed_runs_are_swept(biases, tmp_path):
    (tmp_path / ".phoenix-99999999-abc").mkdir()
    (tmp_path / ".phoenix-1-abc").mkdir()
    run("muse_bias", biases, {}, tmp_path, nifu=1)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".phoenix-1-abc", "MASTER_BIAS-01.fits"}


@pytest.mark.interop
def test_products_pass_fitsverify(masters, fitsverify):
    assert fitsverify(masters[0].path) == (0, 0)
