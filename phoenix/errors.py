"""The exceptions of the service: each says what is wrong and what to do about it."""


class PhoenixError(Exception):
    """Base of all errors of the service; ``remedy`` tells the operator what to do."""

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(f"{problem}. Remedy: {remedy}")


class StoreInUse(PhoenixError):
    """Another process is writing to the store."""


class StoreDamaged(PhoenixError):
    """A file that the catalogue knows is missing or not what it was."""


class NotInCatalogue(PhoenixError):
    """The catalogue knows nothing by that name."""


class BlockFailed(PhoenixError):
    """A step of an association block failed; the batch goes on without it."""


class ReleaseRefused(PhoenixError):
    """A product does not meet the archive standard and was not released."""


class ServerNotStarted(PhoenixError):
    """The Prefect server did not come up in time."""
