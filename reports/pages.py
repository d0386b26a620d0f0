"""All pages of a month, written into the store: plain files that need no server."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from phoenix.db.models import Idp
from phoenix.store import Store
from reports.contexts import IndexPage, MonthLink
from reports.month import idps_of, month_file, month_page, nights_of
from reports.night import night_file, night_page
from reports.product import product_page, products_folder
from reports.render import write_page, write_style


def write_pages(session: Session, store: Store, month: str) -> Path:
    """Write the pages of a month and return the path of its score page."""
    generated = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_style(store.pages)
    for idp in idps_of(session, month):
        page = product_page(idp, store, month_file(month), generated)
        write_page(page, store.pages / products_folder() / f"{idp.name}.html")
    nights = nights_of(session, month)
    for night in nights:
        monitor = night_page(session, night, nights, month_file(month), generated)
        write_page(monitor, store.pages / night_file(night))
    path = store.pages / month_file(month)
    write_page(month_page(session, month, generated), path)
    write_page(_index(session, generated), store.pages / "index.html")
    return path


def _index(session: Session, generated: str) -> IndexPage:
    """Return the entry page: every month with products."""
    red = func.sum((Idp.n_red > 0).cast(Idp.n_red.type))
    query = (
        select(Idp.month, func.count(), red)
        .where(Idp.state != "superseded")
        .group_by(Idp.month)
        .order_by(Idp.month.desc())
    )
    rows = session.execute(query).all()
    return IndexPage(
        generated,
        tuple(
            MonthLink(month, month_file(month), n, int(n_red)) for month, n, n_red in rows
        ),
    )
