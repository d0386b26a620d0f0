"""One opened store: its settings, folders and catalogue, handed through the service."""

from collections.abc import Iterator
from contextlib import contextmanager

from phoenix.db.session import Catalogue
from phoenix.settings import Settings
from phoenix.store import Store


class Service:
    """What every step needs to know; opening one migrates the catalogue."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.store)
        self.store.root.mkdir(parents=True, exist_ok=True)
        self.catalogue = Catalogue(settings.database_url)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer of the store."""
        with self.store.writing():
            yield

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()
