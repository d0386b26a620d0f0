"""Release: products that are certified and meet the standard go to the archive folder.

A product that breaks the standard is refused, one with a red score is held for a person;
both are kept in the catalogue with the reasons. A newer version supersedes an older one,
whose files stay.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from phoenix.db.models import Block, Idp, now
from phoenix.db.queries import with_products
from phoenix.errors import NotInCatalogue, PhoenixError
from phoenix.evidence import Evidence, finals
from phoenix.idp import IdpFiles, Preview, idp_name, write_files
from phoenix.idp_log import processing_log
from phoenix.quality import decide
from phoenix.science import flag_of, nearest_calibration
from phoenix.service import Service
from phoenix.standard import validate
from phoenix.store import sync

MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
DAYS_A_MONTH = 30.4375


@dataclass(frozen=True)
class Candidate:
    """A product that is to be released, and which version of its name it is."""

    evidence: Evidence
    version: int

    @property
    def name(self) -> str:
        """Name in the archive."""
        return idp_name(self.evidence)


def release_month(
    service: Service, month: str, preview: Preview, *, retry: bool = False
) -> list[Idp]:
    """Release, hold or refuse the final products of a month that were judged.

    ``retry`` forgets what was refused before, so that it is tried again.
    """
    if retry:
        with service.catalogue.write() as session:
            session.execute(delete(Idp).where(Idp.month == month, Idp.state == "refused"))
    with service.catalogue.read() as session:
        candidates = _candidates(session, month)
        return [_release(service, candidate, preview) for candidate in candidates]


def _candidates(session: Session, month: str) -> list[Candidate]:
    """Return the judged products of a month that have no row as data product yet."""
    query = select(Block).where(
        Block.month == month, Block.state == "done", Block.certification != "none"
    )
    blocks = session.scalars(with_products(query).order_by(Block.id)).all()
    known = set(session.scalars(select(Idp.product_id)))
    fresh = [e for b in blocks for e in finals(b) if e.product.id not in known]
    return [Candidate(e, _next_version(session, idp_name(e))) for e in fresh]


def _next_version(session: Session, name: str) -> int:
    """Return the version of a new product of this name."""
    versions = session.scalars(select(Idp.version).where(Idp.name == name)).all()
    return max(versions, default=0) + 1


def _release(service: Service, candidate: Candidate, preview: Preview) -> Idp:
    """Write the files of one product, check them and decide."""
    evidence = candidate.evidence
    scratch = service.store.scratch(candidate.name)
    idp = _row(service, candidate)
    files = None
    try:
        log = processing_log(evidence, flag_of(evidence))
        files = write_files(evidence, service.store, scratch, log, preview)
        images = [path for path in (files.cube, files.image, files.map) if path]
        idp.report = [str(f) for path in images for f in validate(path)]
    except PhoenixError as refusal:
        idp.report = [str(refusal)]
    except Exception as error:
        idp.report = [f"its files cannot be written: {type(error).__name__}: {error}"]
    if files is None or idp.report:
        idp.state = "refused"
    elif evidence.product.certification != "certified":
        idp.state, idp.comment = "held", evidence.product.comment
    else:
        idp.state = "released"
        idp.certification = "auto" if evidence.block.certification == "auto" else "ok"
        _publish(service, idp, files)
    with service.catalogue.write() as session:
        if idp.state == "released":
            _supersede(session, idp)
        session.merge(idp)
    shutil.rmtree(scratch)
    return idp


def _row(service: Service, candidate: Candidate) -> Idp:
    """Return the row of a product, not decided yet."""
    evidence, flag = candidate.evidence, flag_of(candidate.evidence)
    block = evidence.block
    nearest = nearest_calibration(evidence)
    last = max(m.raw.mjd_obs for m in block.members)
    proprietary = timedelta(days=service.settings.proprietary_months * DAYS_A_MONTH)
    return Idp(
        product_id=evidence.product.id,
        block_id=block.id,
        name=candidate.name,
        version=candidate.version,
        month=block.month,
        code=evidence.code,
        kind="OBJ" if evidence.is_object else "SKY",
        state="",
        flag=str(flag),
        n_red=flag.tally.n_red,
        n_total=flag.tally.n_total,
        association_score=None if nearest is None else nearest.closeness,
        association_by="" if nearest is None else nearest.name,
        public_from=MJD_ZERO + timedelta(days=last) + proprietary,
        released_at=now(),
    )


def _publish(service: Service, idp: Idp, files: IdpFiles) -> None:
    """Move the files of a product to their place in the archive, the cube last."""
    folder = service.store.archive / idp.month / f"v{idp.version}"
    folder.mkdir(parents=True, exist_ok=True)
    places = {}
    for path in files:
        sync(path)
        places[path.name] = service.store.relative(path.rename(folder / path.name))
    sync(folder)
    idp.path, idp.image_path = places[files.cube.name], places[files.image.name]
    idp.log_path, idp.preview_path = places[files.log.name], places[files.preview.name]
    if files.map:
        idp.map_path = places[files.map.name]


def _supersede(session: Session, idp: Idp) -> None:
    """Mark the older versions of a product."""
    query = select(Idp).where(Idp.name == idp.name, Idp.version < idp.version)
    for older in session.scalars(query):
        older.state = "superseded"


def decide_product(
    service: Service, name: str, verdict: str, by: str, comment: str, preview: Preview
) -> Idp:
    """Certify or reject a data product; a certified one that was held is released.

    What was in the archive before and was rejected comes back as a new version.
    """
    with service.catalogue.write() as session:
        idp = _newest(session, name)
        if verdict == "certified" and idp.state == "released":
            raise PhoenixError(
                f"{idp.name} is released already", remedy="reject it to withdraw it"
            )
        evidence = _evidence(session, idp)
        decide(session, evidence.product, verdict, by, comment)
        if verdict == "rejected":
            idp.state, idp.certification, idp.comment = "rejected", "rejected", comment
            return idp
        version = idp.version + bool(idp.path)
        session.delete(idp)
    with service.catalogue.read() as session:
        found = [c for c in _candidates(session, idp.month) if c.name == idp.name]
        return _release(service, Candidate(found[-1].evidence, version), preview)


def _newest(session: Session, name: str) -> Idp:
    """Return the newest version of a data product."""
    query = select(Idp).where(Idp.name == name.removesuffix(".fits"))
    idp = session.scalars(query.order_by(Idp.version.desc())).first()
    if idp is None:
        raise NotInCatalogue(
            f"there is no data product {name}", remedy="see phoenix status"
        )
    return idp


def _evidence(session: Session, idp: Idp) -> Evidence:
    """Return what is known about the product of a row."""
    query = with_products(select(Block).where(Block.id == idp.block_id))
    block = session.scalars(query).one()
    return next(e for e in finals(block) if e.product.id == idp.product_id)
