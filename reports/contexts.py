"""What each page is made of: one documented dataclass per template.

Templates see nothing but these; a test renders each page and checks that every field
is used and that nothing undefined is asked for.
"""

from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["good", "bad", "warn", "fact"]


@dataclass(frozen=True)
class Link:
    """A label and where it leads, relative to the page."""

    label: str
    href: str


@dataclass(frozen=True)
class Bit:
    """One character of a score string."""

    number: int
    name: str
    char: str
    meaning: str
    tone: Tone


@dataclass(frozen=True)
class Chip:
    """A short word with a tone: a state, a verdict, a certification."""

    text: str
    tone: Tone
    title: str = ""


@dataclass(frozen=True)
class Association:
    """One calibration that a product used, and why this one."""

    tag: str
    name: str
    level: int
    days: float | None
    kelvin: float | None
    closeness: float | None
    reason: str
    rejected: tuple[str, ...] = ()

    @property
    def percent(self) -> float:
        """Closeness in per cent, for the bar."""
        return 100.0 * (self.closeness or 0.0)

    @property
    def tone(self) -> Tone:
        """Colour of the level: the plan's is good, one window further a warning."""
        return "good" if self.level <= 0 else "warn" if self.level <= 2 else "bad"


@dataclass(frozen=True)
class ProductRow:
    """A released or refused data product in the score table of a month."""

    name: str
    href: str
    preview: str
    target: str
    mode: str
    kind: str
    date: str
    exptime_s: float
    n_exposures: int
    bits: tuple[Bit, ...]
    n_red: int
    n_total: int
    nearest: tuple[Association, ...]
    closeness: float | None
    limiting: str
    status: Chip
    reasons: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Something that did not become a product, with the reason and the remedy."""

    what: str
    state: Chip
    reason: str
    href: str = ""


@dataclass(frozen=True)
class NightRow:
    """A night in the overview of a month."""

    night: str
    href: str
    n_raw: int
    n_blocks: int
    n_done: int
    n_failed: int
    n_waiting: int


@dataclass(frozen=True)
class Count:
    """A number on top of a page."""

    value: str
    label: str
    tone: Tone = "fact"


@dataclass(frozen=True)
class MonthPage:
    """The score page of a month: ``month.html.j2``."""

    month: str
    generated: str
    counts: tuple[Count, ...]
    products: tuple[ProductRow, ...]
    problems: tuple[Problem, ...]
    quarantined: tuple[Problem, ...]
    nights: tuple[NightRow, ...]
    legend: tuple[Bit, ...]


@dataclass(frozen=True)
class Fact:
    """A keyword or a number with its meaning."""

    name: str
    value: str
    unit: str = ""
    doc: str = ""
    tone: Tone = "fact"


@dataclass(frozen=True)
class BlockRow:
    """An association block in the AB monitor of a night."""

    name: str
    index: str
    completeness: Chip
    recipe: str
    raw_type: str
    n_raw: int
    setup: str
    state: Chip
    duration_s: float | None
    n_red: int
    n_total: int
    certification: Chip
    reason: str
    associations: tuple[Association, ...]
    products: tuple[Link, ...] = ()
    calls: tuple[Fact, ...] = ()
    red_qc: tuple[str, ...] = ()


@dataclass(frozen=True)
class NightPage:
    """The AB monitor of a night: ``night.html.j2``."""

    night: str
    month_href: str
    generated: str
    counts: tuple[Count, ...]
    blocks: tuple[BlockRow, ...]
    previous: str = ""
    following: str = ""


@dataclass(frozen=True)
class Figure:
    """A plot file beside the page."""

    href: str
    caption: str


@dataclass(frozen=True)
class ProductPage:
    """The page of one product: ``product.html.j2``."""

    row: ProductRow
    month_href: str
    generated: str
    image: Figure | None
    figures: tuple[Figure, ...]
    associations: tuple[Association, ...]
    flags: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    qc: tuple[Fact, ...]
    provenance: tuple[Fact, ...]
    findings: tuple[Problem, ...] = field(default=())


@dataclass(frozen=True)
class MonthLink:
    """A month in the index."""

    month: str
    href: str
    n_products: int
    n_red: int


@dataclass(frozen=True)
class IndexPage:
    """The entry page of a store: ``index.html.j2``."""

    generated: str
    months: tuple[MonthLink, ...]
