"""The shipped static calibrations as candidates for association."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from association.records import EVER, CalibRecord, Setup
from association.rules import RULES
from pipeline.static import TAGS, static_path


def static_calibrations(size_name: str, setups: Iterable[Setup]) -> list[CalibRecord]:
    """Return the static calibrations that serve frames of these setups.

    A table whose rule asks for a setup is offered once for each setup: the shipped
    tables hold for all modes of the wide field.
    """
    distinct = sorted(set(setups), key=repr)
    geometry = static_path("GEOMETRY_TABLE", size_name).name
    records = []
    for tag in TAGS:
        rules = [rule for rule in RULES if rule.tag == tag]
        path = static_path(tag, size_name)
        if not rules or not path.exists():
            continue
        keyed = any(window.keys for rule in rules for window in rule.windows)
        for setup in distinct if keyed else [Setup()]:
            what = ", ".join(
                word for word in (setup.mode, setup.opti1, setup.readout) if word
            )
            records.append(
                CalibRecord(
                    name=f"{path.name} ({what})" if what else path.name,
                    path=str(path),
                    tag=tag,
                    mjd_mid=0.0,
                    setup=setup,
                    valid=EVER,
                    geometry=geometry,
                )
            )
    return records


@cache
def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a shipped file; they do not change while we run."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
