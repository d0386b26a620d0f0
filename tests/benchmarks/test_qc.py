"""QC values that differ are explained by a reason that can fail."""

from pathlib import Path

import pytest
from astropy.io import fits

from benchmarks.qc import families, keywords, main, pairs
from benchmarks.qc_numbered import renumbered
from benchmarks.qc_reasons import REASONS, Reason
from pipeline.runner import load_recipes

DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences.md"


def product(folder, name, **qc):
    folder.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU()
    for keyword, value in qc.items():
        hdu.header[f"HIERARCH ESO QC {keyword.replace('_', ' ')}"] = value
    hdu.writeto(folder / name)


@pytest.mark.parametrize("reason", REASONS, ids=lambda r: f"{r.call}-{r.keyword}")
def test_reasons_belong_to_a_keyword_and_a_row(reason):
    lines = DIFFERENCES.read_text().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert reason.row in rows
    declared = {q.name for q in load_recipes()[f"muse_{reason.call}"].qc}
    assert reason.left_out == (f"QC {reason.keyword}" not in declared)


def test_no_reason_covers_everything():
    for reason in REASONS:
        low, high = reason.ratio
        assert 0 < low <= high < 10
        assert not reason.explains(1e3, 1.0) and not reason.explains(-100.0, 1.0)
        assert reason.explains(None, 1.0) is reason.left_out


def test_bounds_decide():
    ratio = Reason("bias", "A", "row", (0.5, 0.8), middle=(0.6, 0.7))
    assert ratio.explains(0.6, 1.0) and not ratio.explains(0.9, 1.0)
    assert ratio.expects([0.5, 0.65, 0.8]) and not ratio.expects([0.5, 0.5, 0.8])
    near = Reason("bias", "A", "row", apart=0.01)
    assert near.explains(-0.004, 0.005) and not near.explains(0.02, 0.005)
    assert Reason("bias", "A", "row", (0.9, 1.1), either_sign=True).explains(-1.0, 1.0)
    assert Reason("bias", "A", "row", may_lack=True).explains(0, None)
    assert not near.explains(0, None) and not near.explains("a", "b")
    empty = Reason("bias", "A", "row", placeholder=-99.0)
    assert empty.explains(None, -99.0) and empty.explains(0.4, -99.0)
    assert not empty.explains(None, 0.4) and not empty.explains(0.4, 0.5)


def test_sources_and_lines_have_the_numbers_of_the_genuine_ones():
    def sources(*places):
        words = {"SCIPOST NDET": len(places)}
        for k, (x, y, width) in enumerate(places, 1):
            words |= {f"SCIPOST POS{k} X": x, f"SCIPOST POS{k} Y": y}
            words[f"SCIPOST FWHM{k} X"] = width
        return words

    mine = sources((80.0, 7.0, 0.3), (10.0, 5.0, 0.1), (11.0, 9.0, 0.2))
    theirs = sources((10.0, 10.0, 0.21), (11.0, 6.0, 0.11), (200.0, 7.0, 0.4))
    assert renumbered(mine, theirs) == {
        "SCIPOST NDET": 3,
        "SCIPOST POS1 X": 11.0,
        "SCIPOST POS1 Y": 9.0,
        "SCIPOST FWHM1 X": 0.2,
        "SCIPOST POS2 X": 10.0,
        "SCIPOST POS2 Y": 5.0,
        "SCIPOST FWHM2 X": 0.1,
        "SCIPOST POS4 X": 80.0,
        "SCIPOST POS4 Y": 7.0,
        "SCIPOST FWHM4 X": 0.3,
    }
    lines = {"SKY LINE1 AWAV": 5577.3, "SKY LINE1 NAME": "OI", "SKY LINE2 AWAV": 6300.3}
    other = {"SKY LINE3 AWAV": 5577.4, "SKY LINE3 NAME": "OI"}
    assert renumbered(lines, other) == {
        "SKY LINE3 AWAV": 5577.3,
        "SKY LINE3 NAME": "OI",
        "SKY LINE4 AWAV": 6300.3,
    }
    assert renumbered({"BIAS MASTER1 RON": 3.0}, {"BIAS MASTER2 RON": 3.0}) == {
        "BIAS MASTER1 RON": 3.0
    }


def run(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["qc", "--folder", str(folder), "bias"])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().out.splitlines()


def test_what_is_not_explained_is_counted(tmp_path, monkeypatch, capsys):
    name = "MASTER_BIAS-01.fits"
    usual = {"BIAS_MASTER1_RON": 3.0, "BIAS_MASTER1_RONERR": 0.1}
    product(tmp_path / "genuine" / "bias", name, **usual)
    mine = {"BIAS_MASTER1_RON": 3.01, "BIAS_MASTER1_RONERR": 0.001}
    product(tmp_path / "ours" / "bias", name, **mine)
    code, lines = run(tmp_path, monkeypatch, capsys)
    assert code == 0 and lines[-1] == "unexplained: 0"
    assert lines[-2] == "bias: 2 keywords, 1 agree within 5%, 1 explained, 0 unexplained"
    assert any(line.endswith("QC RONERR, DCERR") for line in lines)
    more = {"BIAS_MASTER1_RON": 3.5, "BIAS_MASTER1_RONERR": 0.09}
    product(tmp_path / "ours" / "bias", "MASTER_BIAS-02.fits", **more)
    product(tmp_path / "genuine" / "bias", "MASTER_BIAS-02.fits", **usual)
    code, lines = run(tmp_path, monkeypatch, capsys)
    assert code == 1 and lines[-1] == "unexplained: 2"


def test_keywords_of_a_family_share_a_reason(tmp_path):
    for side, value in (("ours", 0.001), ("genuine", 0.1)):
        words = {f"BIAS_MASTER{k}_RONERR": value for k in (1, 2)}
        product(tmp_path / side, "MASTER_BIAS-01.fits", **words)
    sides = [keywords(tmp_path / side) for side in ("ours", "genuine")]
    (family,) = families("bias", pairs(*sides))
    assert len(family.members) == 2 and family.reason is not None
    assert family.differing(0.05) == family.members
    assert family.unexplained(0.05) == []
