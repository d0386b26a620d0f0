"""What all tests share: the referee, the browser, hypothesis' profile."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("phoenix", deadline=None)  # the first call compiles
settings.load_profile("phoenix")

PACKAGES = "esorex cpl-plugin-muse fitsverify chromium (Debian)"
REQUIRED = os.environ.get("PHOENIX_REQUIRE_REFEREE") == "1"


def _program(name: str) -> str:
    """Return the path of a Debian program, or skip (fail where it is required)."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is missing: install {PACKAGES}"
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def genuine() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a recipe of the genuine pipeline in a folder."""
    esorex = _program("esorex")

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [esorex, "--msg-level=warning", *arguments],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run


@pytest.fixture(scope="session")
def fitsverify() -> Callable[[Path], tuple[int, int]]:
    """Return a function that counts fitsverify's errors and warnings of a file."""
    program = _program("fitsverify")

    def verify(path: Path) -> tuple[int, int]:
        done = subprocess.run(
            [program, "-q", str(path)], capture_output=True, text=True, timeout=120
        )
        text = done.stdout.strip().splitlines()[-1]
        if "verification OK" in text:
            return 0, 0
        words = text.replace(",", " ").split()
        numbers = [int(word) for word in words if word.isdigit()]
        warnings, errors = numbers[-2:]
        return errors, warnings

    return verify


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Debian's Chromium."""
    return _program("chromium")
