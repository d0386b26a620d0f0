"""A run of the small month that kills itself: ``crash_child RAW STORE N``.

The process gets SIGKILL at its Nth durable event, a commit, fsync or rename; with N = 0
it runs to the end. It prints how many events there were.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from unittest import mock

from sqlalchemy import event

from phoenix.service import Service
from phoenix.settings import Settings
from pipeline import spec
from qc.certify import Certificate
from tests.phoenix import fakes
from tests.phoenix.conftest import run_month


class Fuse:
    """Counts durable events and kills the process at the ``n``th."""

    def __init__(self, n):
        self.n, self.seen, self.lock = n, 0, threading.Lock()

    def burn(self, *_args):
        with self.lock:
            self.seen += 1
            if self.seen == self.n:
                os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function):
        def burning(*args, **options):
            self.burn()
            return function(*args, **options)

        return burning


def main(raw, store, n):
    fuse = Fuse(n)
    spec.REGISTRY.update(fakes.RECIPES)
    service = Service(Settings(store=store, workers=2))
    event.listen(service.catalogue.engine, "commit", fuse.burn)
    green = Certificate("certified", 0, 1, ())
    with (
        mock.patch("pipeline.runner.load_recipes", return_value=dict(fakes.RECIPES)),
        mock.patch("phoenix.campaigns.load_recipes", return_value=dict(fakes.RECIPES)),
        mock.patch("phoenix.quality.certify", return_value=green),
        mock.patch("os.fsync", fuse.before(os.fsync)),
        mock.patch.object(Path, "rename", fuse.before(Path.rename)),
        mock.patch.object(Path, "replace", fuse.before(Path.replace)),
    ):
        run_month(service, raw)
    sys.stdout.write(str(fuse.seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
