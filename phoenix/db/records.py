"""From rows of the catalogue to the records that association reasons about."""

from association.records import RawRecord, Setup
from phoenix.db.models import RawFile


def raw_record_of(row: RawFile) -> RawRecord:
    """Return the record of an accepted raw file."""
    return RawRecord(
        name=row.name,
        path=row.path,
        tag=row.tag,
        mjd_obs=row.mjd_obs,
        exptime_s=row.exptime_s,
        setup=Setup(row.mode, row.readout, row.opti1, row.opti2),
        chips={int(ifu): str(chip) for ifu, chip in row.chips.items()},
        temperature=row.temperature,
        tpl_start=row.tpl_start,
        tpl_id=row.tpl_id,
        tpl_nexp=row.tpl_nexp,
        tpl_expno=row.tpl_expno,
        obs_id=row.obs_id,
        prog_id=row.prog_id,
        target=row.target,
        ra=row.ra,
        dec=row.dec,
        posang=row.posang,
        lamps=tuple(row.lamps),
    )
