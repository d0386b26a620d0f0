"""Where files live, and how they get there without ever being half there.

A store is one folder: ``catalogue.db``, ``products/<recipe>/<identity>/``, ``archive/``,
``pages/`` and one ``tmp/`` on the same file system. A job writes into a folder of
``tmp/``; when all is on disk that folder is renamed to its place, with a manifest, and
only then the catalogue learns of it.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phoenix.errors import StoreInUse

MANIFEST = "manifest.json"
"""File in a job's folder that says what is in it, written last."""


class Store:
    """The folders of one store; nothing is created before `writing`."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).resolve()
        self.products = self.root / "products"
        self.archive = self.root / "archive"
        self.pages = self.root / "pages"
        self.tmp = self.root / "tmp"

    @contextmanager
    def writing(self) -> Iterator["Store"]:
        """Hold the store's lock: one writer at a time; sweep what a crash left.

        The lock is the kernel's and goes with the process, however that ends.

        Raises
        ------
        StoreInUse
            If another process writes.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise StoreInUse(
                    f"{self.root} is being written by process {lock.read().strip() or '?'}",
                    remedy="wait until it ends, or use another --store",
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._sweep()
            yield self

    def _sweep(self) -> None:
        """Empty the temporary folder: nobody else writes, so all in it is left over."""
        shutil.rmtree(self.tmp, ignore_errors=True)
        for folder in (self.tmp, self.products, self.archive):
            folder.mkdir(parents=True, exist_ok=True)

    def scratch(self, name: str) -> Path:
        """Return an empty folder in ``tmp/``."""
        folder = self.tmp / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder

    def job_folder(self, recipe: str, identity: str) -> Path:
        """Return the place of a job's products."""
        return self.products / recipe / identity

    def keep(self, scratch: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, bring everything to disk and move it to its place.

        A folder already there is of a job that the catalogue does not know as done (its
        rows were lost); the new one replaces it.
        """
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
        for path in scratch.iterdir():
            sync(path)
        sync(scratch)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)
        sync(folder.parent)

    def kept(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Iterate over the finished job folders and their manifests."""
        for path in sorted(self.products.glob(f"*/*/{MANIFEST}")):
            yield path.parent, json.loads(path.read_text())

    def relative(self, path: Path) -> str:
        """Return a path as the catalogue keeps it."""
        return str(path.relative_to(self.root))

    def absolute(self, path: str) -> Path:
        """Return the place of a path that the catalogue keeps."""
        return self.root / path


def sync(path: Path) -> None:
    """Bring a file or the entries of a folder to disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, content: str | bytes, tmp: Path) -> None:
    """Write a small file aside, bring it to disk and put it in its place."""
    data = content.encode() if isinstance(content, str) else content
    aside = tmp / f"{path.name}.part"
    aside.write_bytes(data)
    sync(aside)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside.rename(path)
    sync(path.parent)
