"""The whole flow of the small month in a process of its own: ``flow_child RAW STORE``."""

import sys
from pathlib import Path
from unittest import mock

from flows.run import run_month
from phoenix.service import Service
from phoenix.settings import Settings
from pipeline import spec
from qc.certify import Certificate
from tests.phoenix import fakes


def main(raw, store):
    spec.REGISTRY.update(fakes.RECIPES)
    told = []
    green = Certificate("certified", 0, 1, ())
    with (
        mock.patch("pipeline.runner.load_recipes", return_value=dict(fakes.RECIPES)),
        mock.patch("phoenix.campaigns.load_recipes", return_value=dict(fakes.RECIPES)),
        mock.patch("phoenix.quality.certify", return_value=green),
    ):
        service = Service(Settings(store=store, workers=2))
        page = run_month(service, "2026-09", raw, tell=lambda *what: told.append(what))
        service.close()
    sys.stdout.write(f"{told[-1]} {page}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
