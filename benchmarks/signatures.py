"""List the argument types of all kernels that a mini month needs, for ``phoenix warm``.

``python -m benchmarks.signatures`` reduces two mini nights in this process and writes
what was compiled into ``pipeline/tools/signatures.txt``.
"""

import tempfile
from pathlib import Path

from phoenix.campaigns import KINDS, Month, reset
from phoenix.ingest import ingest
from phoenix.service import Service
from phoenix.settings import Settings
from pipeline.simulator.month import simulate_month
from pipeline.tools.warm import SIGNATURES, compiled

MONTH = "2026-09"
HEADER = "# module, kernel, types of its arguments; made by python -m benchmarks.signatures"


def reduce_nights(folder: Path) -> None:
    """Simulate and reduce two nights, without Prefect."""
    simulate_month(MONTH, "mini", folder / "raw", ifus=(1, 2), nights=(2, 3))
    service = Service(Settings(store=folder / "store"))
    with service.writing():
        reset(service)
        ingest(service.catalogue, folder / "raw")
        month = Month(service, MONTH)
        for kind in KINDS:
            for task in month.plan(kind):
                print(task.name, month.run(task), flush=True)
            month.finish(kind)
    service.close()


def main() -> None:
    """Write the list."""
    with tempfile.TemporaryDirectory() as name:
        reduce_nights(Path(name))
    lines = [" ".join(call) for call in compiled()]
    SIGNATURES.write_text("\n".join([HEADER, *lines]) + "\n")
    print(f"{len(lines)} kernels in {SIGNATURES}")


if __name__ == "__main__":
    main()
