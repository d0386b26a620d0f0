import numpy as np
import pytest

from pipeline import spec
from pipeline.memory import MemoryImage, MemoryOutputs, MemoryRaw
from pipeline.spec import Planes, Segment, Table


def planes(shape, value=1.0):
    data = np.full(shape, value, np.float32)
    return Planes(data, np.zeros(shape, np.uint32), data.copy())


def test_an_image_written_in_blocks_reads_back():
    out: spec.Outputs = MemoryOutputs()
    raw = MemoryRaw(np.zeros((8, 4), np.uint16), {"EXPTIME": 3.0})
    image = out.image("MASTER_BIAS", (8, 4), unit="adu", like=raw)
    for rows in spec.blocks(8, 3):
        image.write(rows, planes((rows.stop - rows.start, 4), rows.start))
    image.qc["QC BIAS MASTER NBADPIX"] = 5
    assert out["MASTER_BIAS"].rows == set(range(8))
    frame = image.frame()
    assert frame.header == {"EXPTIME": 3.0, "ESO QC BIAS MASTER NBADPIX": 5}
    assert frame.ifu == 1
    assert frame.read(slice(6, 8)).data.tolist() == [[6.0] * 4] * 2


def test_wrong_types_and_shapes_are_refused():
    image = MemoryOutputs().image("X", (8, 4), unit="adu")
    with pytest.raises(TypeError):
        image.write(slice(0, 8), Planes(*(np.zeros((8, 4)),) * 3))
    with pytest.raises(ValueError, match="shape"):
        image.write(slice(0, 9), planes((9, 4)))


def test_pixels_and_tables_become_frames():
    out = MemoryOutputs()
    writer = out.pixels("PIXTABLE_OBJECT", 10, unit="count")
    writer.write(slice(0, 10), writer.pixels._replace(data=np.ones(10, np.float32)))
    frame = writer.frame([Segment(0, 1, 1, 0, 10)])
    assert frame.n_rows == 10
    assert frame.read(slice(2, 4)).data.tolist() == [1, 1]
    table = out.table("TRACE_TABLE")
    table.write("CHAN01", Table({"Width": np.arange(3.0)}, {"Width": "pix"}))
    with pytest.raises(ValueError, match="twice"):
        table.write("CHAN01", Table({}, {}))
    assert table.frame().read().units == {"Width": "pix"}


def test_frames_satisfy_the_contract():
    image: spec.ImageFrame = MemoryImage(planes((4, 4)))
    assert image.shape == (4, 4)


def test_who_changes_what_was_read_changes_no_frame():
    image, raw = MemoryImage(planes((4, 4))), MemoryRaw(np.ones((4, 4), np.uint16))
    for plane in (*image.read(slice(0, 4)), raw.read(slice(0, 4))):
        plane[:] = 7
    assert image.planes.data.max() == raw.data.max() == 1
