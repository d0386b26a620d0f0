"""One opened store: its settings, folders and catalogue, handed through the service."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from phoenix.db.session import Catalogue
from phoenix.settings import Settings
from phoenix.store import Store


class Service:
    """What every step needs to know; opening one migrates the catalogue.

    ``jobs`` is the only pool of the process in which recipes are called, whatever number
    of blocks is under way.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.store)
        self.store.root.mkdir(parents=True, exist_ok=True)
        self.catalogue = Catalogue(settings.database_url)
        self.jobs = ThreadPoolExecutor(settings.n_workers, thread_name_prefix="job")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer of the store."""
        with self.store.writing():
            yield

    def close(self) -> None:
        """Wait for the recipe calls that run, close the catalogue."""
        self.jobs.shutdown(cancel_futures=True)
        self.catalogue.close()
