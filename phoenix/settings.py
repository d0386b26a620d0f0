"""The settings of the service, each described; environment variables ``PHOENIX_*``.

``docs/`` derives its page of settings from the descriptions here.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the store is and how much of the machine may be used."""

    model_config = SettingsConfigDict(env_prefix="PHOENIX_", frozen=True, extra="ignore")

    store: Path = Field(
        Path("phoenix-store"),
        description="Folder that holds the catalogue, the products, the archive and pages.",
    )
    database: str = Field(
        "",
        description="SQLAlchemy URL of the catalogue; empty: SQLite in the store.",
    )
    workers: int = Field(
        0, ge=0, description="Recipe calls that run at the same time; 0: one per core."
    )
    memory_gb: float = Field(
        4.0, gt=0, description="Memory that one recipe call may use for its slabs [GB]."
    )
    keep_pixel_tables: bool = Field(
        False,
        description="Keep pixel tables after the cubes made from them are complete; "
        "otherwise their files go and only their identity stays in the catalogue.",
    )
    sky_residuals: Literal["none", "zap"] = Field(
        "none",
        description="What takes the residuals of sky lines out of final cubes: zap, a "
        "principal component analysis (package zap), or none. ZAP holds a cube in memory "
        "several times, and takes emission of sources without continuum for sky.",
    )
    proprietary_months: int = Field(
        12,
        ge=0,
        description="Months after the observation during which only the owner may have a "
        "product (ESO's default period).",
    )
    server_timeout_s: float = Field(
        120.0, gt=0, description="How long to wait for our Prefect server to answer [s]."
    )

    @property
    def database_url(self) -> str:
        """Return the URL of the catalogue."""
        return self.database or f"sqlite:///{self.store.resolve() / 'catalogue.db'}"

    @property
    def n_workers(self) -> int:
        """Return the number of recipe calls that run at the same time."""
        return self.workers or len(os.sched_getaffinity(0))
