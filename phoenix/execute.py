"""Running one recipe call so that it is done once, whole, and with its lineage.

A job is known by the digest of its recipe, version, parameters and inputs. The checksum
of a raw or static file is that of its content; that of a product is the identity of the
job that made it, so a chain of jobs is known before any of it has run.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from phoenix.db.models import QC1, Job, JobInput, Product, now
from phoenix.errors import BlockFailed, PhoenixError
from phoenix.service import Service
from phoenix.sky_residuals import CUBE, IMAGE, PARAMETER, clean_cube, renew_images
from phoenix.store import MANIFEST, Store
from pipeline.formats.scan import scan
from pipeline.runner import Produced, find_recipe, parameters, run
from pipeline.spec import BadInput, Recipe, Value


@dataclass(frozen=True)
class Given:
    """A frame for a job: a line of its SOF, and which row of the catalogue it is."""

    path: Path
    tag: str
    checksum: str
    raw_id: int | None = None
    product_id: int | None = None


@dataclass(frozen=True)
class Call:
    """A recipe call; ``ifu`` is 0 for recipes that take all IFUs at once.

    ``cleaner``: what takes residuals of the sky out of the cube, ``none`` or ``zap``.
    """

    block_id: int
    step: str
    recipe: Recipe
    ifu: int
    params: Mapping[str, Value]
    frames: tuple[Given, ...]
    cleaner: str = "none"

    @property
    def noted(self) -> dict[str, Value]:
        """The parameters as the catalogue notes them: with the cleaner, if there is one."""
        cleaner = {} if self.cleaner == "none" else {PARAMETER: self.cleaner}
        return {**self.params, **cleaner}

    @property
    def identity(self) -> str:
        """Digest of all that decides about the products."""
        values = parameters(self.recipe, self.params).model_dump(mode="json")
        if self.cleaner != "none":
            values[PARAMETER] = self.cleaner
        what = (
            self.recipe.name,
            self.recipe.version,
            self.ifu,
            sorted(values.items()),
            [(frame.tag, frame.checksum) for frame in self.frames],
        )
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def given(product: Product, tag: str, store: Store) -> Given:
    """Return a product as a frame for a job, listed as ``tag``."""
    checksum = f"{product.job.identity}/{product.name}"
    return Given(store.absolute(product.path), tag, checksum, product_id=product.id)


def run_job(
    service: Service, call: Call, *, retry: bool = False, again: bool = False
) -> list[Product]:
    """Return the products of a recipe call, made now unless that was done before.

    ``retry`` runs what failed before, ``again`` also what is done.

    Raises
    ------
    BlockFailed
        If the recipe fails, or did before on exactly these inputs and ``retry`` is off.
    """
    identity = call.identity
    with service.catalogue.read() as session:
        job = find_job(session, identity)
    if (
        job is not None
        and not again
        and job.state == "done"
        and _complete(job, service.store)
    ):
        return job.products
    if job is not None and job.state == "failed" and not retry:
        raise _failure(job.error)
    _remake_inputs(service, call)
    _start(service, call, identity)
    started = time.perf_counter()
    scratch = service.store.scratch(identity)
    try:
        produced = run(
            call.recipe.name,
            [(frame.path, frame.tag) for frame in call.frames],
            call.params,
            scratch,
            nifu=call.ifu,
            memory_gb=service.settings.memory_gb,
        )
        if call.cleaner == "zap":
            _clean(call, produced)
    except Exception as error:
        text = (
            str(error)
            if isinstance(error, BadInput)
            else f"{type(error).__name__}: {error}"
        )
        _fail(service, identity, text, time.perf_counter() - started)
        raise _failure(text) from error
    manifest = _manifest(call, identity, produced, time.perf_counter() - started)
    folder = service.store.job_folder(call.recipe.name, identity)
    service.store.keep(scratch, folder, manifest)
    return register(service, folder, manifest)


def _clean(call: Call, produced: Sequence[Produced]) -> None:
    """Clean the final cubes of a job and make their images anew."""
    filters = [frame.path for frame in call.frames if frame.tag == "FILTER_LIST"]
    images = [product.path for product in produced if product.tag == IMAGE]
    for product in produced:
        if product.tag == CUBE:
            clean_cube(product.path)
            renew_images(product.path, images, filters[0] if filters else None)


def find_job(session: Session, identity: str) -> Job | None:
    """Return a job with its products, or None."""
    return session.scalar(
        select(Job)
        .where(Job.identity == identity)
        .options(selectinload(Job.products).selectinload(Product.job))
    )


def _complete(job: Job, store: Store) -> bool:
    """Tell whether the files of a job that is done are there, or gone on purpose."""
    return all(
        product.deleted_at is not None or store.absolute(product.path).exists()
        for product in job.products
    )


def _failure(text: str) -> BlockFailed:
    """Return the error of a failed call."""
    return BlockFailed(text, remedy="correct the cause, then run again with --retry")


def _start(service: Service, call: Call, identity: str) -> None:
    """Note that a job begins."""
    with service.catalogue.write() as session:
        job = session.scalar(select(Job).where(Job.identity == identity))
        if job is not None:
            job.state, job.error, job.started_at = "running", "", now()
            return
        job = Job(
            identity=identity,
            block_id=call.block_id,
            recipe=call.recipe.name,
            version=call.recipe.version,
            step=call.step,
            ifu=call.ifu,
            params=call.noted,
            state="running",
        )
        session.add(job)
        session.flush()
        session.add_all(
            JobInput(
                job_id=job.id,
                position=position,
                tag=frame.tag,
                path=str(frame.path),
                checksum=frame.checksum,
                raw_id=frame.raw_id,
                product_id=frame.product_id,
            )
            for position, frame in enumerate(call.frames)
        )


def _fail(service: Service, identity: str, text: str, wall_s: float) -> None:
    """Note that a job failed and why."""
    with service.catalogue.write() as session:
        job = session.scalars(select(Job).where(Job.identity == identity)).one()
        job.state, job.error, job.wall_s, job.finished_at = "failed", text, wall_s, now()


def _manifest(
    call: Call, identity: str, produced: Sequence[Produced], wall_s: float
) -> dict[str, Any]:
    """Say what is in a job's folder; the catalogue's rows are made from it."""
    return {
        "identity": identity,
        "recipe": call.recipe.name,
        "ifu": call.ifu,
        "wall_s": wall_s,
        "products": [
            {
                "name": product.path.name,
                "tag": product.tag,
                "ifu": product.ifu or 0,
                "number": product.number or 0,
                "size": product.path.stat().st_size,
                "datasum": datasums(product.path),
                "qc": dict(product.qc),
            }
            for product in produced
        ],
    }


def datasums(path: Path) -> str:
    """Return the DATASUMs of all HDUs of a file, joined."""
    return " ".join(str(unit.header.get("DATASUM", "-")) for unit in scan(path))


def register(service: Service, folder: Path, manifest: Mapping[str, Any]) -> list[Product]:
    """Make the catalogue know a finished job from its manifest; return its products.

    Rows of the products stay the same when a job is made again.
    """
    with service.catalogue.write() as session:
        job = session.scalars(select(Job).where(Job.identity == manifest["identity"])).one()
        known = {product.name: product for product in job.products}
        for item in manifest["products"]:
            product = known.get(item["name"])
            if product is None:
                session.add(_new_product(service.store, job, folder, item))
            else:
                product.size_bytes, product.datasum = item["size"], item["datasum"]
                product.deleted_at = None
        job.state, job.error = "done", ""
        job.wall_s, job.finished_at = manifest["wall_s"], now()
    with service.catalogue.read() as session:
        done = find_job(session, manifest["identity"])
        assert done is not None
        return done.products


def _new_product(store: Store, job: Job, folder: Path, item: Mapping[str, Any]) -> Product:
    """Return the row of a new product with its QC1 values."""
    return Product(
        job_id=job.id,
        tag=item["tag"],
        ifu=item["ifu"],
        number=item["number"],
        name=item["name"],
        path=store.relative(folder / item["name"]),
        size_bytes=item["size"],
        datasum=item["datasum"],
        qc1=[_qc1(name, value) for name, value in item["qc"].items()],
    )


def _qc1(name: str, value: Value) -> QC1:
    """Return the row of a QC value."""
    name = name.removeprefix("ESO ")
    if isinstance(value, str):
        return QC1(name=name, number=None, text=value)
    return QC1(name=name, number=float(value), text=None)


def _remake_inputs(service: Service, call: Call) -> None:
    """Make products again whose files were removed after use, from their lineage."""
    ids = [frame.product_id for frame in call.frames if frame.product_id is not None]
    with service.catalogue.read() as session:
        gone = session.scalars(
            select(Product.job_id)
            .where(Product.id.in_(ids), Product.deleted_at.is_not(None))
            .distinct()
        ).all()
    for job_id in gone:
        _remake(service, job_id)


def _remake(service: Service, job_id: int) -> None:
    """Run a job again from the inputs that the catalogue noted."""
    with service.catalogue.read() as session:
        job = session.get_one(Job, job_id, options=[selectinload(Job.inputs)])
    recipe = find_recipe(job.recipe)
    if recipe.version != job.version:
        raise PhoenixError(
            f"{job.recipe} {job.version} made a product that is needed again, here is "
            f"version {recipe.version}",
            remedy="install that version, or reduce the raw files in a new --store",
        )
    frames = tuple(
        Given(Path(i.path), i.tag, i.checksum, i.raw_id, i.product_id) for i in job.inputs
    )
    params = dict(job.params)
    cleaner = str(params.pop(PARAMETER, "none"))
    call = Call(job.block_id, job.step, recipe, job.ifu, params, frames, cleaner)
    run_job(service, call, again=True)


def recover(service: Service) -> None:
    """Take in what a crash left finished but unknown; remove files that were to go."""
    with service.catalogue.read() as session:
        running = session.scalars(select(Job).where(Job.state == "running")).all()
        removed = session.scalars(
            select(Product.path).where(Product.deleted_at.is_not(None))
        ).all()
    for job in running:
        folder = service.store.job_folder(job.recipe, job.identity)
        if (folder / MANIFEST).exists():
            manifest = json.loads((folder / MANIFEST).read_text())
            if all((folder / item["name"]).exists() for item in manifest["products"]):
                register(service, folder, manifest)
    for path in removed:
        service.store.absolute(path).unlink(missing_ok=True)


def remove_files(service: Service, products: Sequence[Product]) -> None:
    """Remove the files of intermediate products; their identity stays."""
    with service.catalogue.write() as session:
        for product in products:
            session.get_one(Product, product.id).deleted_at = now()
    for product in products:
        service.store.absolute(product.path).unlink(missing_ok=True)
