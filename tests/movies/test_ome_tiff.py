"""OME-TIFFs of any layout: planes in any order, over any files, described in one of these or beside them."""

from __future__ import annotations

import shutil
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from files import assert_reads, write_micro_manager

from cnmf3d import open_movie
from cnmf3d.errors import InputError

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
T, Z, Y, X = 6, 3, 5, 7
EVERY = list(product(range(T), range(Z)))


def block(t: int, z: int, page: int, file: str = "", *, c: int = 0, uuid: str = "") -> str:
    where = f'<UUID FileName="{file}">{uuid or "urn:uuid:" + file}</UUID>' if file else ""
    return f'<TiffData FirstC="{c}" FirstT="{t}" FirstZ="{z}" IFD="{page}" PlaneCount="1">{where}</TiffData>'


def image(blocks: str, *, order: str = "XYZCT", times: int = T, channels: int = 1, samples: int = 1) -> str:
    return (
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="{X}" SizeY="{Y}" '
        f'SizeZ="{Z}" SizeC="{channels}" SizeT="{times}" TimeIncrement="0.25" PhysicalSizeZ="5" PhysicalSizeY="1.2" '
        f'PhysicalSizeX="1.5"><Channel ID="C:0" SamplesPerPixel="{samples}"/>{blocks}</Pixels></Image>'
    )


def ome(*images: str, uuid: str = "") -> str:
    own = f' UUID="{uuid}"' if uuid else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}"{own}>{"".join(images)}</OME>'


def stub(file: str) -> str:
    return ome(f'<BinaryOnly MetadataFile="{file}" UUID="urn:uuid:description"/>')


def write(path: Path, pages, text: str, **how) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(pages):
            entries = {"description": text if number == 0 else None, "metadata": None, "contiguous": False}
            file.write(page, **entries, **{"photometric": "minisblack", **how})
    return path


@pytest.fixture
def plane_a_file(tmp_path, values) -> Path:
    """One plane in each file, the whole description in every one."""
    text = ome(image("".join(block(t, z, 0, f"p_t{t}_z{z}.ome.tif") for t, z in EVERY)))
    for t, z in EVERY:
        write(tmp_path / "set" / f"p_t{t}_z{z}.ome.tif", [values[t, z]], text)
    return tmp_path / "set"


@pytest.fixture
def halves(tmp_path, values) -> Path:
    """Two files of three volumes each."""
    text = ome(image("".join(block(t, z, t % 3 * Z + z, f"h_{t // 3}.ome.tif") for t, z in EVERY)))
    for half in range(2):
        write(tmp_path / "set" / f"h_{half}.ome.tif", values[3 * half : 3 * half + 3].reshape(-1, Y, X), text)
    return tmp_path / "set"


@pytest.mark.parametrize("kind", ["plane_a_file", "halves"])
@pytest.mark.parametrize("way", ["first", "last", "folder", "pattern", "list"])
def test_a_set_is_one_movie_however_it_is_named(request, values, kind, way):
    folder = request.getfixturevalue(kind)
    files = sorted(folder.iterdir())
    source = {"first": files[0], "last": files[-1], "folder": folder, "pattern": f"{folder}/*.tif", "list": files}[way]
    movie = open_movie(source)
    assert_reads(movie, values)
    assert movie.rate == 4 and movie.warnings == () and movie.voxel_size is not None
    assert sorted(movie.paths) == sorted(map(str, files))
    assert_reads(open_movie(list(movie.paths)), values)


def test_a_part_of_a_set_is_the_whole_set(halves, plane_a_file, values):
    assert_reads(open_movie([halves / "h_1.ome.tif"]), values)
    assert_reads(open_movie([plane_a_file / "p_t0_z0.ome.tif", plane_a_file / "p_t4_z1.ome.tif"]), values)


def test_a_set_among_other_files_is_refused(halves, values):
    own = halves / "a.ome.tif"
    tifffile.imwrite(own, values, ome=True, metadata={"axes": "TZYX"}, photometric="minisblack")
    for source in (halves, sorted(halves.iterdir(), reverse=True)):
        with pytest.raises(InputError, match=r"h_\d.ome.tif") as error:
            open_movie(source)
        assert "alone" in error.value.fix


def test_movies_of_their_own_in_ome_tiffs_follow_one_another(tmp_path, values):
    for number in range(3):
        part = values[2 * number : 2 * number + 2]
        tifffile.imwrite(
            tmp_path / f"trial_{number}.ome.tif", part, ome=True, metadata={"axes": "TZYX"}, photometric="minisblack"
        )
    assert_reads(open_movie(tmp_path), values)


@pytest.mark.parametrize("missing", ["h_0.ome.tif", "h_1.ome.tif"])
def test_a_missing_file_is_named(halves, missing):
    (halves / missing).unlink()
    for source in (halves, next(halves.iterdir())):
        with pytest.raises(InputError, match=rf"2 files, of which 1 are not there: {missing}"):
            open_movie(source)


@pytest.mark.parametrize("order", [f"XY{''.join(each)}" for each in permutations("ZCT")])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_order_of_pages(tmp_path, values, order, compression):
    both = np.stack([values, values + 1000], axis=2)
    turned = both.transpose(["TZC".index(axis) for axis in order[:1:-1]] + [3, 4]).reshape(-1, Y, X)
    path = write(
        tmp_path / "m.ome.tif", turned, ome(image("<TiffData/>", order=order, channels=2)), compression=compression
    )
    for channel in range(2):
        assert_reads(open_movie(path, channel=channel), both[:, :, channel])
    with pytest.raises(InputError, match="2 channels"):
        open_movie(path)


def test_planes_that_were_recorded_in_an_order_of_their_own(tmp_path, values):
    order = np.random.default_rng(0).permutation(len(EVERY))
    text = ome(image("".join(block(*EVERY[plane], page) for page, plane in enumerate(order))))
    assert_reads(open_movie(write(tmp_path / "m.ome.tif", values.reshape(-1, Y, X)[order], text)), values)


def test_pages_that_belong_to_no_plane_are_left_out(tmp_path, values):
    pages = np.full((T * Z * 2, Y, X), 9999, np.uint16)
    pages[1::2] = values.reshape(-1, Y, X)
    text = ome(image("".join(block(t, z, 2 * (t * Z + z) + 1) for t, z in EVERY)))
    assert_reads(open_movie(write(tmp_path / "m.ome.tif", pages, text)), values)


def test_without_places_pages_are_in_order(tmp_path, values):
    text = ome(image("", times=2), image("", times=T))
    pages = np.concatenate([values[:2] + 1000, values]).reshape(-1, Y, X)
    path = write(tmp_path / "m.ome.tif", pages, text)
    assert_reads(open_movie(path), values)
    assert np.array_equal(open_movie(path, dataset="0").read(0, 2), values[:2] + 1000)


def test_the_largest_of_two_images_is_taken_with_a_caution(tmp_path, values):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif", ome=True) as file:
        for part in (values[:2] + 1000, values):
            file.write(part, metadata={"axes": "TZYX", "TimeIncrement": 0.25}, photometric="minisblack")
    movie = open_movie(tmp_path / "m.ome.tif")
    assert_reads(movie, values)
    assert 'holds 2 image series; the largest, dataset="1"' in movie.warnings[0] and movie.rate == 4
    assert np.array_equal(open_movie(tmp_path / "m.ome.tif", dataset="0").read(0, 2), values[:2] + 1000)
    with pytest.raises(InputError, match="no image series '2'"):
        open_movie(tmp_path / "m.ome.tif", dataset="2")


def test_a_file_of_several_positions_is_its_own_position(tmp_path, values):
    places = ["".join(block(t, z, t * Z + z, f"pos_{number}.ome.tif") for t, z in EVERY) for number in range(2)]
    text = ome(*(image(blocks) for blocks in places))
    for number in range(2):
        write(tmp_path / f"pos_{number}.ome.tif", values.reshape(-1, Y, X) + 1000 * number, text)
    for number in range(2):
        assert_reads(open_movie(tmp_path / f"pos_{number}.ome.tif"), values + 1000 * number)


@pytest.mark.parametrize("levels", ["below", "beside"])
def test_a_pyramid_is_read_in_full_resolution(tmp_path, values, levels):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif", ome=True) as file:
        below = {"subifds": 1} if levels == "below" else {}
        file.write(values, metadata={"axes": "TZYX", "TimeIncrement": 0.25}, photometric="minisblack", **below)
        file.write(values[..., ::2, ::2], subfiletype=1, photometric="minisblack", metadata=None)
    movie = open_movie(tmp_path / "m.ome.tif")
    assert_reads(movie, values)
    assert movie.rate == 4 and any("2 image series" in text for text in movie.warnings) == (levels == "beside")


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_samples_of_a_page_are_channels(tmp_path, values, planar):
    colours = np.stack([values, values + 1000, values + 2000], -1 if planar == "contig" else 2)
    pages = colours.reshape(-1, *colours.shape[2:])
    text = ome(image("<TiffData/>", order="XYCZT", channels=3, samples=3))
    path = write(tmp_path / "m.ome.tif", pages, text, photometric="rgb", planarconfig=planar)
    for channel in range(3):
        assert_reads(open_movie(path, channel=channel), values + 1000 * channel)
    with pytest.raises(InputError, match="3 channels"):
        open_movie(path)


def test_a_recording_that_was_stopped_ends_with_its_last_whole_volume(tmp_path, values):
    text = ome(image("<TiffData/>"))
    movie = open_movie(write(tmp_path / "m.ome.tif", values.reshape(-1, Y, X)[: 4 * Z + 1], text))
    assert np.array_equal(movie.read(0, 9), values[:4])
    assert "holds 4 of the 6 volumes" in movie.warnings[0]


def test_a_plane_that_is_missing_within_is_named(tmp_path, values):
    text = ome(image("".join(block(t, z, t * Z + z) for t, z in EVERY if (t, z) != (2, 1))))
    with pytest.raises(InputError, match=r"lacks the plane T 2, C 0, Z 1 \(counted from 0\)"):
        open_movie(write(tmp_path / "m.ome.tif", values.reshape(-1, Y, X), text))


def test_a_renamed_file_is_still_its_own(tmp_path, values):
    text = ome(image("".join(block(t, z, t * Z + z, "old.ome.tif") for t, z in EVERY)))
    assert_reads(open_movie(write(tmp_path / "new.ome.tif", values.reshape(-1, Y, X), text)), values)
    write(tmp_path / "old.ome.tif", values.reshape(-1, Y, X) + 1000, text)
    assert_reads(open_movie(tmp_path / "new.ome.tif"), values)


def test_a_renamed_file_of_a_set_is_known_by_its_uuid(tmp_path, values):
    names = ["a.ome.tif", "b.ome.tif"]
    blocks = "".join(block(t, z, t % 3 * Z + z, names[t // 3], uuid=f"urn:uuid:{t // 3}") for t, z in EVERY)
    for half, name in enumerate(["first.ome.tif", "b.ome.tif"]):
        text = ome(image(blocks), uuid=f"urn:uuid:{half}")
        write(tmp_path / name, values[3 * half : 3 * half + 3].reshape(-1, Y, X), text)
    assert_reads(open_movie(tmp_path / "first.ome.tif"), values)


def test_descriptions_lead_to_no_other_folder(tmp_path, values):
    blocks = "".join(block(t, z, t % 3 * Z + z, f"../h_{t // 3}.ome.tif") for t, z in EVERY)
    for half in range(2):
        write(tmp_path / f"h_{half}.ome.tif", values[3 * half : 3 * half + 3].reshape(-1, Y, X), ome(image(blocks)))
    (tmp_path / "inner").mkdir()
    shutil.copy(tmp_path / "h_0.ome.tif", tmp_path / "inner")
    assert_reads(open_movie(tmp_path / "h_0.ome.tif"), values)
    with pytest.raises(InputError, match=r"not there: h_1\.ome\.tif"):
        open_movie(tmp_path / "inner" / "h_0.ome.tif")


@pytest.fixture
def companion(tmp_path, values) -> Path:
    """Two files with a stub each, and the description beside them."""
    for half in range(2):
        write(
            tmp_path / "set" / f"h_{half}.ome.tif",
            values[3 * half : 3 * half + 3].reshape(-1, Y, X),
            stub("m.companion.ome"),
        )
    text = ome(image("".join(block(t, z, t % 3 * Z + z, f"h_{t // 3}.ome.tif") for t, z in EVERY)))
    (tmp_path / "set" / "m.companion.ome").write_text(text)
    return tmp_path / "set"


@pytest.mark.parametrize("name", ["", "h_0.ome.tif", "h_1.ome.tif", "m.companion.ome", "*", "*.tif"])
def test_a_companion_file_describes_the_others(companion, values, name):
    movie = open_movie(companion / name)
    assert_reads(movie, values)
    assert movie.rate == 4 and movie.warnings == ()


def test_a_companion_that_is_not_there_is_named(companion, values):
    (companion / "m.companion.ome").unlink()
    movie = open_movie(companion / "h_0.ome.tif", planes=3)
    assert np.array_equal(movie.read(0, 3), values[:3])
    assert "description, m.companion.ome, is not beside it" in " ".join(movie.warnings)


def test_a_companion_without_its_files(companion, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(companion / "m.companion.ome", alone)
    with pytest.raises(InputError, match="2 are not there"):
        open_movie(alone / "m.companion.ome")
    (alone / "m.companion.ome").write_text("<OME/>")
    with pytest.raises(InputError, match="describes no image"):
        open_movie(alone / "m.companion.ome")


def test_a_description_may_be_in_another_tiff_of_the_set(tmp_path, values):
    text = ome(image("".join(block(t, z, t % 3 * Z + z, f"h_{t // 3}.ome.tif") for t, z in EVERY)))
    for half, entries in enumerate([text, stub("h_0.ome.tif")]):
        write(tmp_path / f"h_{half}.ome.tif", values[3 * half : 3 * half + 3].reshape(-1, Y, X), entries)
    assert_reads(open_movie(tmp_path / "h_1.ome.tif"), values)
    assert_reads(open_movie(tmp_path), values)


def test_a_file_of_the_set_that_is_another_image_is_named(halves, values):
    write(halves / "h_1.ome.tif", np.zeros((9, 4, 4), np.uint16), "<OME/>")
    movie = open_movie(halves / "h_0.ome.tif")
    with pytest.raises(InputError, match=r"h_1\.ome\.tif"):
        movie.read(0, 6)


def test_a_stack_of_micro_manager_in_two_files_is_one_movie(tmp_path, values):
    for part, name in enumerate(["a_MMStack_1.tif", "a_MMStack_1_1.tif"]):
        some = values[3 * part : 3 * part + 3, None, :, None]
        write_micro_manager(tmp_path / name, some, begins=3 * part, Frames=T)
    for source in (tmp_path, tmp_path / "a_MMStack_1.tif", tmp_path / "a_MMStack_1_1.tif", f"{tmp_path}/*.tif"):
        movie = open_movie(source)
        assert_reads(movie, values)
        assert len(movie.paths) == 2


def test_a_stack_of_micro_manager_that_was_stopped(tmp_path, values):
    write_micro_manager(tmp_path / "a_MMStack_1.tif", values[:, None, :, None], Frames=100)
    movie = open_movie(tmp_path / "a_MMStack_1.tif")
    assert_reads(movie, values)


@pytest.mark.parametrize(
    ("unit", "factor"), [("µm", 1), ("nm", 1e-3), ("mm", 1e3), ("Å", 1e-4), ("m", 1e6), ("in", 25400), ("cm", 1e4)]
)
def test_units_of_physical_sizes(tmp_path, values, unit, factor):
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", (2.0, 3.0, 5.0), strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    time = {"TimeIncrement": 250.0, "TimeIncrementUnit": "ms"}
    tifffile.imwrite(tmp_path / "m.ome.tif", values, metadata={"axes": "TZYX", **sizes, **units, **time})
    movie = open_movie(tmp_path / "m.ome.tif")
    assert movie.rate == pytest.approx(4) and movie.voxel_size == pytest.approx((5 * factor, 3 * factor, 2 * factor))
    np.testing.assert_array_equal(movie.read(0, 99), values)


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_sizes_that_are_no_lengths_are_left_out(tmp_path, values, unit):
    entries = {f"PhysicalSize{axis}": 2.0 for axis in "XYZ"} | {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    tifffile.imwrite(tmp_path / "m.ome.tif", values, metadata={"axes": "TZYX", **entries})
    assert open_movie(tmp_path / "m.ome.tif", rate=5).voxel_size is None
