"""Scores of calibration blocks and their certification; the verdicts of people.

Numbers are judged when all blocks of a kind are done, so that trends, and with them the
verdicts, do not depend on the order in which blocks ran.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from phoenix.db.models import QC1, Block, Job, Product, Score, Verdict
from phoenix.db.queries import with_products
from phoenix.errors import NotInCatalogue
from phoenix.service import Service
from qc.certify import Certificate, certify
from qc.limits import limits_in_force
from qc.scores import Score as Judged
from qc.scores import score_product
from qc.trend import Trend, trend_at

MACHINE = "phoenix"
"""Who certifies what is all green."""


def certify_calibrations(service: Service, raw_type: str) -> None:
    """Score the blocks of one kind that are done; certify those that are all green."""
    with service.catalogue.write() as session:
        query = select(Block).where(
            Block.role == "calibration",
            Block.raw_type == raw_type,
            Block.state == "done",
            Block.certification == "none",
        )
        for block in session.scalars(with_products(query).order_by(Block.id)):
            _judge(session, block)


def _judge(session: Session, block: Block) -> None:
    """Score a block's products and certify, each IFU by itself where it has its own."""
    certificates = []
    for products in _groups(block):
        scores = [s for product in products for s in score(session, block, product)]
        certificate = certify(scores)
        certificates.append(certificate)
        for product in products:
            if certificate.status == "certified":
                decide(session, product, "certified", MACHINE, certificate.comment)
            else:
                product.comment = certificate.comment
    _roll_up(block, certificates)


def _groups(block: Block) -> list[list[Product]]:
    """Return the products that are certified together: of an IFU, or of the block."""
    jobs = block.latest_jobs
    products = [p for job in jobs for p in job.products if job.state == "done"]
    last = jobs[-1].step if jobs else ""
    if any(p.ifu == 0 for job in jobs if job.step == last for p in job.products):
        return [products]
    ifus = sorted({product.ifu for product in products})
    return [[p for p in products if p.ifu == ifu] for ifu in ifus]


def _roll_up(block: Block, certificates: Sequence[Certificate]) -> None:
    """Sum the scores of a block's groups."""
    block.n_red = sum(c.n_red for c in certificates)
    block.n_total = sum(c.n_total for c in certificates)
    waiting = [c for c in certificates if c.status != "certified"]
    block.certification = "review" if waiting else "auto"
    comments = dict.fromkeys(c.comment for c in waiting)
    block.comment = "; ".join(comments) if waiting else f"AUTO: 0/{block.n_total}"


def score(session: Session, block: Block, product: Product) -> list[Judged]:
    """Hold the QC1 values of a product against their limits and keep the scores."""
    values = {q.name: q.number for q in product.qc1 if q.number is not None}
    trends = _trends(session, block, product, values)
    scores = score_product(product.tag, values, trends, block.night)
    product.scores = [
        Score(
            kind="limit",
            name=s.keyword,
            ifu=product.ifu,
            value=s.value,
            lower=_finite(s.low),
            upper=_finite(s.high),
            verdict=s.verdict,
            reason=s.text,
            source=f"{s.source} (version {s.version})",
        )
        for s in scores
    ]
    product.n_red = sum(s.verdict == "red" for s in scores)
    product.n_total = sum(s.verdict != "unknown" for s in scores)
    return scores


def _finite(bound: float) -> float | None:
    """Return a bound, or None where there is none."""
    return bound if abs(bound) < float("inf") else None


def _trends(
    session: Session, block: Block, product: Product, values: Iterable[str]
) -> dict[str, Trend]:
    """Return the trends of the numbers that are held against one: same IFU and size."""
    wanted = [name for name in values if _has_trend(product.tag, name, block.night)]
    if not wanted:
        return {}
    query = (
        select(QC1.name, Block.mjd_mid, QC1.number)
        .join(Product, QC1.product_id == Product.id)
        .join(Job, Product.job_id == Job.id)
        .join(Block, Job.block_id == Block.id)
        .where(QC1.name.in_(wanted), QC1.number.is_not(None))
        .where(Product.tag == product.tag, Product.ifu == product.ifu)
        .where(Product.id != product.id, Product.certification != "rejected")
        .where(Block.size_name == block.size_name, Block.mode == block.mode)
        .order_by(Block.mjd_mid, Product.id)
    )
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for name, mjd, number in session.execute(query):
        points[name].append((mjd, number or 0.0))
    trends = {name: trend_at(points[name], block.mjd_mid) for name in wanted}
    return {name: trend for name, trend in trends.items() if trend is not None}


def _has_trend(tag: str, name: str, night: str) -> bool:
    """Tell whether a number is held against a trend."""
    return any(limit.kind == "trend" for limit in limits_in_force(tag, name, night))


def decide(session: Session, product: Product, verdict: str, by: str, comment: str) -> None:
    """Certify or reject a product and note who did and why."""
    product.certification, product.certified_by = verdict, by
    product.comment = comment
    session.add(Verdict(product_id=product.id, verdict=verdict, by=by, comment=comment))


def decide_block(service: Service, name: str, verdict: str, by: str, comment: str) -> int:
    """Certify or reject all products of a calibration block; return how many."""
    with service.catalogue.write() as session:
        block = session.scalar(with_products(select(Block).where(Block.name == name)))
        if block is None or block.state != "done" or block.role != "calibration":
            raise NotInCatalogue(
                f"there is no calibration block {name} that is done",
                remedy="see phoenix ab list; of science, name the data product (MU_...)",
            )
        products = [product for job in block.jobs for product in job.products]
        for product in products:
            decide(session, product, verdict, by, comment)
        block.certification = "ok" if verdict == "certified" else "rejected"
        block.comment = comment
        return len(products)
