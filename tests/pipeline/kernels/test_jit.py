"""Tests of where machine code is kept: it must not outlive any source it was made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.kernels import _jit
from pipeline.kernels._jit import _cache_folder, _sources, kernel

KERNELS = Path(_jit.__file__).parent


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package whose sources may be edited."""
    home = tmp_path / "pipeline"
    shutil.copytree(KERNELS, home / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("flags.py", "instrument.py"):
        shutil.copy(KERNELS.parent / name, home / name)
    monkeypatch.setattr(_jit, "_KERNELS", home / "kernels")
    _forget()
    yield home / "kernels"
    _forget()


def _forget():
    _sources.cache_clear()
    _cache_folder.cache_clear()


def folder(path):
    _forget()
    return _cache_folder(path)


def edit(path):
    path.write_text(path.read_text() + "\n_EDITED = 1\n")


def test_sources_are_all_kernels_imported_in_depth(copy):
    names = {path.name for path in _sources(copy / "field.py")}
    assert {"field.py", "spectrum.py", "_jit.py"} <= names
    assert "reject.py" not in names


def test_editing_a_callee_changes_the_folder(copy):
    before = folder(copy / "field.py")
    edit(copy / "spectrum.py")
    assert folder(copy / "field.py") != before


def test_editing_the_callee_of_a_callee_changes_the_folder(copy):
    caller = copy / "caller.py"
    caller.write_text("from pipeline.kernels.field import shift_by_spectrum\n")
    before = folder(caller)
    edit(copy / "spectrum.py")
    assert folder(caller) != before


@pytest.mark.parametrize("name", ["flags", "instrument"])
def test_editing_a_module_of_constants_changes_the_folder(copy, name):
    caller = copy / "caller.py"
    caller.write_text(f"from pipeline.{name} import FULL\n")
    before = folder(caller)
    edit(copy.parent / f"{name}.py")
    assert folder(caller) != before


def test_editing_itself_or_the_compiler_options_changes_the_folder(copy):
    for name in ("field.py", "_jit.py"):
        before = folder(copy / "field.py")
        edit(copy / name)
        assert folder(copy / "field.py") != before


def test_editing_a_stranger_changes_nothing(copy):
    before = folder(copy / "field.py")
    edit(copy / "reject.py")
    assert folder(copy / "field.py") == before


def test_another_numba_has_another_folder(copy, monkeypatch):
    before = folder(copy / "field.py")
    monkeypatch.setattr("numba.__version__", "0.0")
    assert folder(copy / "field.py") != before


def test_folder_lies_where_the_user_wants_it(copy, monkeypatch, tmp_path):
    monkeypatch.setenv("PHOENIX_NUMBA_CACHE", str(tmp_path / "cache"))
    assert Path(folder(copy / "field.py")).parent == tmp_path / "cache"
    monkeypatch.delenv("PHOENIX_NUMBA_CACHE")
    assert Path(folder(copy / "field.py")).is_relative_to(Path.home())


@pytest.mark.parametrize("path", sorted(KERNELS.glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_no_import_escapes_the_hash(path):
    """Every module of ours that a kernel imports is one that the folder knows."""
    import ast

    known = {source.stem for source in _sources(path.resolve())}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("pipeline") for alias in node.names)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            assert node.module.rpartition(".")[2] in known


def test_kernels_release_the_lock_and_keep_to_ieee():
    @kernel
    def one(x: float) -> float:
        return x / 0.0

    options = one.dispatcher.targetoptions
    assert options["nogil"] and not options.get("fastmath") and not options.get("parallel")
    assert one(1.0) == float("inf")


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from pipeline.kernels import caller
print(caller.call(1.0))
"""


def test_an_edited_callee_takes_effect(tmp_path):
    """What numba's own cache gets wrong."""
    home = tmp_path / "pipeline" / "kernels"
    home.mkdir(parents=True)
    for name in ("", "kernels/"):
        (tmp_path / "pipeline" / name / "__init__.py").write_text("")
    shutil.copy(KERNELS / "_jit.py", home / "_jit.py")
    (home / "caller.py").write_text(
        "from pipeline.kernels._jit import kernel\n"
        "from pipeline.kernels.callee import add\n\n\n"
        "@kernel\ndef call(x):\n    return add(x)\n"
    )
    environment = {**os.environ, "PHOENIX_NUMBA_CACHE": str(tmp_path / "cache")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    for value in (1, 2):
        (home / "callee.py").write_text(
            "from pipeline.kernels._jit import kernel\n\n\n"
            f"@kernel\ndef add(x):\n    return x + {value}\n"
        )
        answer = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(root=str(tmp_path))],
            env=environment, capture_output=True, text=True, check=True, cwd=tmp_path,
        )  # fmt: skip
        assert float(answer.stdout) == 1.0 + value
