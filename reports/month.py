"""The score page of a month from the catalogue."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from phoenix.db.models import Block, Idp, RawFile
from reports.contexts import Count, MonthPage, NightRow, Problem
from reports.night import night_file
from reports.product import product_row
from reports.score_bits import legend
from reports.states import chip

UNFINISHED = ("failed", "incomplete", "blocked", "running", "created", "ready")


def month_file(month: str) -> str:
    """Return the file name of a month's page."""
    return f"month-{month}.html"


def idps_of(session: Session, month: str) -> Sequence[Idp]:
    """Return the newest version of every data product of a month."""
    query = (
        select(Idp).where(Idp.month == month, Idp.state != "superseded").order_by(Idp.name)
    )
    return session.scalars(query).all()


def nights_of(session: Session, month: str) -> list[str]:
    """Return the nights of a month that have blocks or raw files."""
    planned = select(Block.night).where(Block.month == month)
    taken = select(RawFile.night).where(RawFile.night.startswith(month))
    return sorted({*session.scalars(planned), *session.scalars(taken)} - {""})


def _problem(block: Block) -> Problem:
    return Problem(
        what=f"{block.name} ({block.raw_type})",
        state=chip(block.state),
        reason=block.reason or "; ".join(block.notes),
        href=f"{night_file(block.night)}#AB{block.id:05d}",
    )


def _quarantined(session: Session, month: str) -> tuple[Problem, ...]:
    """Return the files of the month that were refused, and those without a date."""
    query = (
        select(RawFile)
        .where(RawFile.state == "quarantined")
        .where(RawFile.night.startswith(month) | (RawFile.night == ""))
        .order_by(RawFile.name)
    )
    return tuple(Problem(f.name, chip(f.state), f.reason) for f in session.scalars(query))


def _night(session: Session, night: str, blocks: Sequence[Block]) -> NightRow:
    states = Counter(block.state for block in blocks if block.night == night)
    n_raw = session.scalar(
        select(func.count()).select_from(RawFile).where(RawFile.night == night)
    )
    return NightRow(
        night=night,
        href=night_file(night),
        n_raw=n_raw or 0,
        n_blocks=states.total(),
        n_done=states["done"],
        n_failed=states["failed"],
        n_waiting=states["incomplete"] + states["blocked"],
    )


def _doubt(number: int, label: str) -> Count:
    """Return a count that should be zero."""
    return Count(str(number), label, "warn" if number else "fact")


def month_page(session: Session, month: str, generated: str) -> MonthPage:
    """Return the context of a month's page."""
    idps = idps_of(session, month)
    query = select(Block).where(Block.month == month).order_by(Block.mjd_obs, Block.id)
    blocks = session.scalars(query).all()
    problems = tuple(_problem(block) for block in blocks if block.state in UNFINISHED)
    quarantined = _quarantined(session, month)
    released = sum(idp.state == "released" for idp in idps)
    red = sum(idp.n_red > 0 for idp in idps)
    done = sum(block.state == "done" for block in blocks)
    return MonthPage(
        month=month,
        generated=generated,
        counts=(
            Count(f"{released}", "products released", "good"),
            Count(f"{red}", "with a red score", "bad" if red else "fact"),
            Count(f"{done}/{len(blocks)}", "blocks done"),
            _doubt(len(problems), "blocks not done"),
            _doubt(len(quarantined), "files in quarantine"),
        ),
        products=tuple(product_row(idp) for idp in idps),
        problems=problems,
        quarantined=quarantined,
        nights=tuple(_night(session, n, blocks) for n in nights_of(session, month)),
        legend=legend(),
    )
