"""Kill the flow of a month at random moments, start it again, compare the outcome.

``python -m benchmarks.crash --kills 10`` simulates one mini night, reduces it once
undisturbed and once killed (SIGKILL) again and again, and demands the same products
(DATASUM), the same archive and no left-overs. Exit code 0 when all is the same.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import select

from phoenix.db.models import Block, Idp, Job, Product
from phoenix.db.session import Catalogue
from phoenix.execute import datasums
from pipeline.simulator.month import simulate_month

MONTH = "2026-09"
NIGHT = 2
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]


def start(raw: Path, store: Path) -> "subprocess.Popen[bytes]":
    """Start the flow."""
    arguments = ["--store", str(store), "run", MONTH, "--raw", str(raw)]
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL)


def finish(raw: Path, store: Path) -> float:
    """Run the flow to its end; return how long it took [s]."""
    started = time.monotonic()
    if start(raw, store).wait() != 0:
        raise SystemExit(f"the flow failed in {store}")
    return time.monotonic() - started


def outcome(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what a run left: products, blocks, data products, files."""
    catalogue = Catalogue(f"sqlite:///{store / 'catalogue.db'}")
    with catalogue.read() as session:
        products = session.execute(
            select(
                Job.identity,
                Job.state,
                Product.name,
                Product.datasum,
                Product.certification,
            )
            .join(Product.job)
            .order_by(Job.identity, Product.name)
        ).all()
        blocks = session.execute(select(Block.name, Block.state).order_by(Block.name)).all()
        idps = session.execute(
            select(Idp.name, Idp.state, Idp.flag).order_by(Idp.name)
        ).all()
    catalogue.close()
    files = sorted(
        path
        for folder in ("products", "archive", "tmp")
        for path in (store / folder).rglob("*")
        if path.is_file()
    )
    return {
        "products": [tuple(row) for row in products],
        "blocks": [tuple(row) for row in blocks],
        "data products": [tuple(row) for row in idps],
        "files": [(str(path.relative_to(store)),) for path in files],
        "archive": [(p.name, datasums(p)) for p in files if p.match("archive/*/*/*.fits")],
    }


def kill_and_finish(raw: Path, store: Path, kills: int, n_jobs: int) -> None:
    """Kill the flow so many times, at random moments all over its work; let it end.

    A moment is a number of finished jobs, from none to all, and a fraction of a second.
    """
    moments = random.Random(1)
    marks = sorted([0, n_jobs, *(moments.randrange(n_jobs) for _ in range(kills - 2))])
    for number, mark in enumerate(marks[:kills], 1):
        process = start(raw, store)
        while process.poll() is None and finished_jobs(store) < mark:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.5))
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        what = "killed" if alive else "had ended"
        print(f"  {number}: {what} with {finished_jobs(store)} jobs done", flush=True)
    finish(raw, store)


def finished_jobs(store: Path) -> int:
    """Return how many jobs have their products in place."""
    return sum(1 for _ in (store / "products").glob("*/*/manifest.json"))


def compare(expected: Path, found: Path) -> bool:
    """Tell whether two stores hold the same; print what differs."""
    one, two = outcome(expected), outcome(found)
    for what, rows in one.items():
        missing, extra = set(rows) - set(two[what]), set(two[what]) - set(rows)
        print(f"{what}: {len(rows)}, missing {len(missing)}, extra {len(extra)}")
        for row in sorted([*missing, *extra], key=str)[:10]:
            print("   ", *row)
    return one == two


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="phoenix-crash-") as name:
        folder = Path(name)
        simulate_month(MONTH, "mini", folder / "raw", ifus=(1, 2), nights=(NIGHT,))
        finish(folder / "raw", folder / "warm")  # compiles the kernels
        duration_s = finish(folder / "raw", folder / "undisturbed")
        n_jobs = finished_jobs(folder / "undisturbed")
        print(f"undisturbed: {duration_s:.1f} s, {n_jobs} jobs; kills:", flush=True)
        disturbed = folder / "disturbed"
        kill_and_finish(folder / "raw", disturbed, options.kills, n_jobs)
        same = compare(folder / "undisturbed", disturbed)
    print("the same" if same else "NOT the same")
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
