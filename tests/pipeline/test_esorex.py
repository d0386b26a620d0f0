import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline.commandline import read_config, read_options, read_recipe_options
from pipeline.esorex import FAILURE, NO_SOF, main
from pipeline.spec import BadInput
from tests.pipeline import rawbias


@pytest.fixture(scope="module")
def sof(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    lines = [f"$RAWDIR/{path.name} {tag}" for path, tag in rawbias.write_biases(folder)]
    path = folder / "bias.sof"
    path.write_text("# the biases\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def rawdir(sof, monkeypatch):
    monkeypatch.setenv("RAWDIR", str(sof.parent))


def test_a_command_line_of_esorex_works(sof, rawdir, tmp_path, capsys):
    code = main(
        [
            f"--output-dir={tmp_path}/out",
            "--log-dir",
            str(tmp_path),
            "--log-file=bias.log",
            "--msg-level=warning",
            f"--products-sof={tmp_path}/products.sof",
            "muse_bias",
            "--nifu=2",
            "--combine",
            "minmax",
            "--merge",
            "false",
            str(sof),
        ]
    )
    assert code == 0
    assert capsys.readouterr().out == ""
    header = fits.getheader(tmp_path / "out" / "MASTER_BIAS-02.fits")
    assert "minmax" in header["ESO PRO REC1 PARAM* VALUE"].values()
    assert "muse_bias IFU 2" in (tmp_path / "bias.log").read_text()
    assert (tmp_path / "products.sof").read_text().split()[1] == "MASTER_BIAS"


def test_products_can_be_numbered_and_locked(sof, rawdir, tmp_path):
    options = (
        "--suppress-prefix=FALSE --output-prefix=run --output-readonly --log-level=off"
    )
    words = [*options.split(), f"--output-dir={tmp_path}", "--msg-level=off"]
    assert main([*words, "muse_bias", "--nifu=1", str(sof)]) == 0
    (path,) = tmp_path.iterdir()
    assert path.name == "run_0000.fits" and path.stat().st_mode & 0o222 == 0


def test_failures_have_exit_codes_and_reasons(sof, rawdir, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ESOREX_LOG_LEVEL", "off")
    monkeypatch.setenv("ESOREX_OUTPUT_DIR", str(tmp_path))
    assert main(["muse_bias", str(tmp_path / "none.sof")]) == NO_SOF
    assert "none.sof" in capsys.readouterr().out
    assert main(["muse_bias", "--nifu=9", str(sof)]) == FAILURE
    assert "no raw frame holds IFU 9. Remedy" in capsys.readouterr().out
    (tmp_path / "lost.sof").write_text("lost.fits BIAS\n")
    assert main(["muse_bias", str(tmp_path / "lost.sof")]) == NO_SOF
    assert main(["--foo", "muse_bias", str(sof)]) == FAILURE
    assert main(["muse_bias", "--foo=1", str(sof)]) == FAILURE
    assert main(["muse_biass", str(sof)]) == FAILURE
    assert "choose one of muse_" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"lost.sof"}


def test_texts_come_from_the_declarations(capsys):
    for words, expected in (
        (["--recipes"], "muse_bias  "),
        (["--help", "muse_bias"], "minmax | sigclip> [sigclip]"),
        (["--man-page", "muse_bias"], "QC BIAS MASTER# RON [count]"),
        (["--params", "muse_bias", "--nlow=4"], "nlow                  : 4"),
        (["--params"], "suppress-prefix       : TRUE"),
        (["--version"], "version 0."),
        ([], "Usage: phoenix-esorex"),
    ):
        assert main(words) == 0
        assert expected in capsys.readouterr().out


def test_two_recipes_have_the_options_of_both(capsys):
    both = "muse_scibasic+muse_scipost"
    assert main(["--params", both, "--nifu=3", "--skymethod=none"]) == 0
    text = capsys.readouterr().out
    for name, value in (("nifu", "3"), ("cr", "none"), ("skymethod", "none")):
        assert re.search(rf"  {name} +: {value}\n", text)
    assert text.count("  dlambda ") == 1
    assert main(["muse_bias+muse_scipost+muse_dark", "x.sof"]) != 0


def test_values_are_read_in_both_forms():
    line = read_options(["--log-dir", "x", "--time=false", "--recipes", "r", "--a"], {})
    assert line.options["log-dir"] == "x" and line.options["time"] is False
    assert line.options["recipes"] is True
    assert (line.recipe, line.recipe_options) == ("r", ["--a"])
    switches = {"merge": True, "overscan": False}
    words = ["--merge", "--overscan", "vpoly", "a.sof", "--merge=TRUE", "b.sof"]
    values, files = read_recipe_options(words, switches)
    assert values == {"merge": "TRUE", "overscan": "vpoly"} and files == ["a.sof", "b.sof"]
    assert read_recipe_options(["--merge", "x.sof"], switches)[1] == ["x.sof"]
    with pytest.raises(BadInput, match="no value"):
        read_recipe_options(["--overscan"], switches)


def test_configuration_files_give_parameters(tmp_path):
    path = tmp_path / "muse_bias.rc"
    path.write_text(
        "# comment\nmuse.muse_bias.nlow=3 # why\nmuse.muse_bias.combine = median\n"
    )
    assert read_config(str(path)) == {"nlow": "3", "combine": "median"}


HEAVY = ("numba", "astropy", "scipy", "matplotlib", "prefect", "cffi", "yaml")


@pytest.mark.parametrize("words", [["--help"], ["--help", "muse_bias"], ["--params"]])
def test_texts_import_nothing_heavy(words):
    assert _imported(words) == []


def test_a_recipe_without_use_for_them_imports_no_astropy_and_no_scipy(sof, rawdir):
    words = [
        "--output-dir=out",
        "--log-level=off",
        "--msg-level=off",
        "muse_bias",
        str(sof),
    ]
    assert _imported(words, cwd=sof.parent) == ["numba"]


def test_a_recipe_without_kernels_does_not_start_numba(tmp_path):
    for number in range(2):
        _field(number).writeto(tmp_path / f"fov_{number}.fits")
    sof = tmp_path / "align.sof"
    sof.write_text("".join(f"{tmp_path}/fov_{n}.fits IMAGE_FOV\n" for n in range(2)))
    words = ["--output-dir=out", "--log-level=off", "--msg-level=off", "muse_exp_align"]
    assert _imported([*words, str(sof)], cwd=tmp_path) == ["scipy"]
    offsets = fits.getdata(tmp_path / "out" / "OFFSET_LIST.fits")["RA_OFFSET"]
    assert abs(offsets[1]) * 3600 == pytest.approx(0.2, abs=0.02)


def _field(number):
    """Return an image of some stars at the equator, off by a pixel of 0.2 arcsec each."""
    y, x = np.mgrid[:60, :80]
    data = np.random.default_rng(number).normal(0, 3, x.shape)
    for a, b in ((15, 20), (40, 45), (62, 14), (30, 10), (66, 44)):
        data += 900 * np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / 2.0**2)
    wcs = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 0.0}
    wcs |= {"CRPIX1": 40.0 + number, "CRPIX2": 30.0}
    wcs |= {"CD1_1": -0.2 / 3600, "CD2_2": 0.2 / 3600}
    first = fits.PrimaryHDU(header=fits.Header({"DATE-OBS": f"2026-09-03T04:0{number}:00"}))
    image = fits.ImageHDU(data.astype(np.float32), fits.Header(wcs), name="DATA")
    return fits.HDUList([first, image])


def _imported(words, cwd=None):
    """Return which heavy packages a process of its own has imported."""
    program = (
        "import sys\nfrom pipeline.esorex import main\n"
        f"assert main({words!r}) == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd or root,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    return ast.literal_eval(done.stdout.splitlines()[-1])
