from pathlib import Path

import pytest

from pipeline.formats.sof import read_sof, write_sof
from pipeline.spec import BadInput


def test_comments_variables_and_groups(tmp_path, monkeypatch):
    monkeypatch.setenv("RAW", "/data")
    sof = tmp_path / "x.sof"
    sof.write_text(
        "# a comment\n\n$RAW/a.fits BIAS RAW\n${RAW}/b.fits  BIAS # second\nc.fits X\n"
    )
    assert read_sof(sof) == [
        (Path("/data/a.fits"), "BIAS"),
        (Path("/data/b.fits"), "BIAS"),
        (Path("c.fits"), "X"),
    ]


def test_round_trip(tmp_path):
    frames = [(Path("/a/b.fits"), "BIAS")]
    write_sof(tmp_path / "x.sof", frames)
    assert read_sof(tmp_path / "x.sof") == frames


@pytest.mark.parametrize(
    ("text", "problem"), [("a.fits\n", "no tag"), ("$NO_SUCH_THING/a.fits X", "not set")]
)
def test_bad_lines_are_named(tmp_path, text, problem):
    (tmp_path / "x.sof").write_text("\n" + text)
    with pytest.raises(BadInput, match=f"x.sof, line 2.*{problem}"):
        read_sof(tmp_path / "x.sof")
    with pytest.raises(BadInput, match="cannot be read"):
        read_sof(tmp_path / "y.sof")
