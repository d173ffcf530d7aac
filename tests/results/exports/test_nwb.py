"""NWB: what is written is what pynwb reads, what nwbinspector likes, and what comes back."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from cnmf3d.cli.app import call
from cnmf3d.components import Components
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation import curated
from cnmf3d.results.exports import Export, Interval, export, export_of
from cnmf3d.results.exports.nwb.metadata import grouped_names, metadata_of, read_metadata, template
from cnmf3d.results.exports.nwb.tables import VOXEL
from cnmf3d.results.imports import Given, import_results

pynwb = pytest.importorskip("pynwb")

METADATA = {
    "session": {
        "session_start_time": "2026-01-31T14:00:00+01:00",
        "session_id": "7",
        "experimenter": "Last, First",
        "institution": "University",
        "keywords": ["calcium", "volume"],
        "experiment_description": "Spontaneous activity.",
    },
    "subject": {"subject_id": "M1", "species": "Mus musculus", "sex": "F", "age": "P90D", "description": "a mouse"},
    "imaging": {
        "device": "Scope",
        "device_description": "resonant two-photon",
        "indicator": "GCaMP6f",
        "location": "VISp",
        "excitation_lambda": 920,
        "emission_lambda": 525,
        "origin": [10, 20, 30],
    },
}
STIMULI = {"odours": [Interval("rose", 0.5, 2), Interval("mint", 3, 4.25)]}


def leaving(results, **more):
    """An export with everything in it."""
    whole = export_of(results, metadata=METADATA, stimuli=STIMULI)
    tags = {"kind": {0: "pyramidal", 2: "PV"}, "seen": {int(i): bool(i % 2) for i in whole.ids}, "snr": {1: "low"}}
    return dataclasses.replace(whole, tags=tags, **more)


def assert_same(one, other):
    """Everything that a results file holds is the same, to the bit."""
    a, b = one.components, other.components
    assert a.shape == b.shape and a.footprints.shape == b.footprints.shape
    assert (a.footprints != b.footprints).nnz == 0
    for field in dataclasses.fields(Components):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype and np.array_equal(left, right), field.name
    for part in ("background", "kinetics"):
        for field in dataclasses.fields(getattr(a, part)):
            assert np.array_equal(getattr(getattr(a, part), field.name), getattr(getattr(b, part), field.name))
    assert list(a.quality) == list(b.quality)
    assert all(np.array_equal(a.quality[name], b.quality[name]) for name in a.quality)
    assert list(one.projections) == list(other.projections)
    assert all(np.array_equal(one.projections[name], other.projections[name]) for name in one.projections)
    assert one.noise is other.noise is None or np.array_equal(one.noise, other.noise)
    assert (one.rate, one.voxel_size, one.parameters) == (other.rate, other.voxel_size, other.parameters)
    assert one.provenance == other.provenance


@pytest.fixture(scope="module")
def written(tmp_path_factory, random_results):
    """A file with everything in it, and the results that it was made of."""
    results = random_results(6, (3, 9, 11), 40)
    asked = {"init": {"gSig": "auto", "K": None}, "refit": True}
    results = dataclasses.replace(results, provenance=dataclasses.replace(results.provenance, asked=asked))
    path = tmp_path_factory.mktemp("nwb") / "r.nwb"
    assert export("nwb", leaving(results), path) == ()
    return path, results


def test_nwbinspector_finds_nothing_that_matters(written):
    inspector = pytest.importorskip("nwbinspector")
    found = list(inspector.inspect_nwbfile(nwbfile_path=str(written[0])))
    assert [m.message for m in found if m.importance != inspector.Importance.BEST_PRACTICE_SUGGESTION] == []
    assert pynwb.validate(path=str(written[0])) == []


def test_what_is_written_comes_back_as_it_was(written):
    path, results = written
    assert_same(results, import_results("nwb", path))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 6),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    frames=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_whatever_is_written_comes_back(tmp_path, random_results, count, shape, frames, seed):
    results = random_results(count, shape, frames, seed)
    export("nwb", export_of(results, metadata=METADATA), tmp_path / "r.nwb", force=True)
    assert_same(results, import_results("nwb", tmp_path / "r.nwb"))


def test_many_voxels(tmp_path, random_results):
    results = random_results(40, (5, 40, 60), 60)
    assert results.components.footprints.nnz > 2 * 10**4
    export("nwb", export_of(results, metadata=METADATA), tmp_path / "r.nwb")
    assert_same(results, import_results("nwb", tmp_path / "r.nwb"))
    with pynwb.NWBHDF5IO(str(tmp_path / "r.nwb"), "r") as io:
        table = io.read().processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
        assert len(table["voxel_mask"][39]) == np.diff(results.components.footprints.indptr)[39]
    assert pynwb.validate(path=str(tmp_path / "r.nwb")) == []


@pytest.fixture
def plane(tmp_path, random_results):
    """A file of one plane, 70 × 130 pixels, whose last ROI has no pixel, and the results that it was made of."""
    results = random_results(7, (1, 70, 130), 40)
    footprints = results.components.footprints[:, [0, 1, 2, 3, 4, 5, 6]]
    footprints.data[footprints.indptr[6] :] = 0
    footprints.eliminate_zeros()
    results = dataclasses.replace(results, components=dataclasses.replace(results.components, footprints=footprints))
    export("nwb", leaving(results), tmp_path / "r.nwb")
    return tmp_path / "r.nwb", results


def test_one_plane_has_the_masks_of_pictures(plane):
    inspector = pytest.importorskip("nwbinspector")
    path, results = plane
    dense = results.components.footprints.toarray().reshape(70, 130, 7)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        table = io.read().processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
        assert "voxel_mask" not in table.colnames
        assert np.array_equal(table["image_mask"].data[()], dense.transpose(2, 1, 0))
        for roi in range(7):
            pixels = table["pixel_mask"][roi]
            assert np.array_equal(dense[pixels["y"], pixels["x"], roi], pixels["weight"])
            assert len(pixels) == np.count_nonzero(dense[..., roi])
        background = io.read().processing["ophys"]["ImageSegmentation"]["BackgroundSegmentation"]["image_mask"].data
        assert background.shape == (2, 130, 70)
    assert pynwb.validate(path=str(path)) == []
    found = inspector.inspect_nwbfile(nwbfile_path=str(path))
    assert [m.message for m in found if m.importance != inspector.Importance.BEST_PRACTICE_SUGGESTION] == []
    assert_same(results, import_results("nwb", path))


def test_only_what_a_footprint_reaches_is_stored_of_its_picture(tmp_path, random_results):
    results = random_results(3, (1, 256, 256), 10)
    spots = np.zeros((256, 256, 3), np.float32)
    spots[10:20, 10:20] = 0.1
    footprints = sparse.csc_array(spots.reshape(-1, 3))
    results = dataclasses.replace(results, components=dataclasses.replace(results.components, footprints=footprints))
    export("nwb", export_of(results, metadata=METADATA), tmp_path / "r.nwb")
    with h5py.File(tmp_path / "r.nwb") as file:
        images = file["processing/ophys/ImageSegmentation/PlaneSegmentation/image_mask"]
        assert images.id.get_num_chunks() == 3
        assert np.array_equal(images[()], spots.transpose(2, 1, 0))


def test_one_plane_in_a_file_from_before_that_comes_back(plane):
    path, results = plane
    with h5py.File(path, "r+") as file:
        masks = file["processing/ophys/ImageSegmentation"]
        table = masks["PlaneSegmentation"]
        pixels = table["pixel_mask"][()]
        voxels = np.zeros(len(pixels), VOXEL)
        for name in pixels.dtype.names:
            voxels[name] = pixels[name]
        table["voxel_mask"], table["voxel_mask_index"] = voxels, table["pixel_mask_index"][()]
        del table["pixel_mask"], table["pixel_mask_index"], table["image_mask"]
        background = masks["BackgroundSegmentation"]
        images = background["image_mask"][()]
        del background["image_mask"]
        background["image_mask"] = images[..., None]
    assert_same(results, import_results("nwb", path))


def test_what_is_not_known_stays_unknown(tmp_path, random_results):
    results = random_results(2, (1, 5, 6), 30, seed=3)
    components = results.components
    bare = dataclasses.replace(
        components,
        quality={},
        background=dataclasses.replace(
            components.background, spatial=np.zeros((30, 0), np.float32), temporal=np.zeros((0, 30), np.float32)
        ),
        kinetics=dataclasses.replace(components.kinetics, g=np.zeros((2, 0), np.float32)),
    )
    results = dataclasses.replace(results, components=bare, noise=None, voxel_size=None, projections={}, rate=1 / 3)
    notes = export("nwb", export_of(results, metadata=METADATA), tmp_path / "r.nwb")
    assert len(notes) == 1 and "voxel" in notes[0]
    assert_same(results, import_results("nwb", tmp_path / "r.nwb"))


def test_names_that_would_clash_come_back_too(tmp_path, random_results):
    results = random_results(3)
    values = results.components.quality["snr"]
    quality = {name: values + i for i, name in enumerate(("noise", "id", "a/b", "a_b", "accepted", "baseline"))}
    results = dataclasses.replace(
        results,
        components=dataclasses.replace(results.components, quality=quality),
        parameters={"init": {"a/b": 1, "x~": [1, None, "ü"]}, "caiman": {"init": {"K": 5}}},
    )
    export("nwb", export_of(results, metadata=METADATA), tmp_path / "r.nwb")
    assert_same(results, import_results("nwb", tmp_path / "r.nwb"))


def test_pynwb_reads_axes_units_and_tables_as_nwb_has_them(written):
    path, results = written
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        plane = file.imaging_planes["ImagingPlane"]
        size = results.voxel_size
        assert np.allclose(plane.grid_spacing[:], [size.x * 1e-6, size.y * 1e-6, size.z * 1e-6])
        assert plane.grid_spacing_unit == "meters"
        assert np.allclose(plane.origin_coords[:], [1e-5, 2e-5, 3e-5])
        assert (plane.indicator, plane.location, plane.excitation_lambda) == ("GCaMP6f", "VISp", 920)
        ophys = file.processing["ophys"]
        table = ophys["ImageSegmentation"]["PlaneSegmentation"]
        volume = np.zeros(results.components.shape, np.float32)
        for x, y, z, weight in table["voxel_mask"][2]:
            volume[z, y, x] = weight
        assert np.array_equal(volume.ravel(), results.components.footprints[:, [2]].toarray().ravel())
        assert np.array_equal(table["accepted"][:], results.components.accepted)
        assert np.array_equal(table["snr"][:], results.components.quality["snr"])
        assert list(table["kind"][:]) == ["pyramidal", "", "PV", "", "", ""]
        assert list(table["seen"][:]) == [False, True] * 3
        assert list(table["tag_snr"][:]) == ["", "low", "", "", "", ""]
        raw = ophys["Fluorescence"]["Raw"]
        assert raw.data.shape == (40, 6) and raw.rate == 7.5
        assert np.array_equal(raw.data[:].T, results.components.raw)
        assert np.array_equal(ophys["DfOverF"]["DfOverF"].data[:].T, results.components.dff)
        assert np.array_equal(ophys["Fluorescence"]["Deconvolved"].data[:].T, results.components.spikes)
        mean = ophys["ImagesMean"]
        assert [image.name for image in mean.order_of_images[:]] == ["z000", "z001", "z002"]
        assert np.array_equal(mean["z001"].data[:].T, results.projections["mean"][1])
        odours = file.intervals["odours"].to_dataframe()
        assert list(odours["stimulus"]) == ["rose", "mint"] and list(odours["stop_time"]) == [2, 4.25]
        assert file.subject.species == "Mus musculus" and file.experimenter == ("Last, First",)
        assert [list(row) for row in file.was_generated_by[:]] == [["cnmf3d", "0.1.0"]]
        parameters = ophys["Cnmf3dParameters"].to_dataframe()
        assert parameters.set_index("key")["value"]["init/gSig"] == "[4.0, 4.0, 2.0]"


def test_ids_are_those_of_the_results_file(tmp_path, random_results):
    results = random_results(8, seed=4)
    keep = np.flatnonzero(results.components.accepted)
    assert 0 < len(keep) < 8
    export("nwb", export_of(results, accepted_only=True, metadata=METADATA), tmp_path / "r.nwb")
    with h5py.File(tmp_path / "r.nwb") as file:
        assert list(file["processing/ophys/ImageSegmentation/PlaneSegmentation/id"]) == list(keep)
    back = import_results("nwb", tmp_path / "r.nwb").components
    assert np.array_equal(back.traces, results.components.traces[keep]) and back.accepted.all()


def test_a_file_of_another_program(tmp_path, monkeypatch):
    monkeypatch.setattr("cnmf3d.results.imports.nwb.MASKS_AT_ONCE", 1)
    from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

    file = pynwb.NWBFile("s", "i", metadata_of(METADATA).session.session_start_time)
    channel = OpticalChannel(name="c", description="d", emission_lambda=500.0)
    plane = file.create_imaging_plane(
        name="plane",
        description="d",
        device=file.create_device(name="d"),
        optical_channel=channel,
        excitation_lambda=900.0,
        indicator="i",
        location="l",
        imaging_rate=30.0,
        grid_spacing=[1e-6, 2e-6, 5e-6],
        grid_spacing_unit="meters",
    )
    segmentation = ImageSegmentation()
    table = segmentation.create_plane_segmentation(description="d", imaging_plane=plane, name="A")
    pixels = segmentation.create_plane_segmentation(description="d", imaging_plane=plane, name="P")
    pixels.add_column("kind", "what people call it")
    pixels.add_roi(pixel_mask=[(4, 2, 3.0), (4, 3, 4.0)], kind="PV")
    pixels.add_roi(pixel_mask=[(0, 0, 1.0)], kind="")
    images = segmentation.create_plane_segmentation(description="d", imaging_plane=plane, name="B")
    images.add_roi(image_mask=np.eye(4, 3))
    images.add_roi(image_mask=np.eye(4, 3)[:, ::-1])
    table.add_column("Accepted", "whether", data=[])
    table.add_roi(voxel_mask=[(0, 1, 2, 3.0), (1, 1, 2, 4.0)], Accepted=1)
    table.add_roi(voxel_mask=[(5, 3, 0, 1.0)], Accepted=0)
    rows = table.create_roi_table_region(region=[1, 0], description="turned")
    traces = np.arange(20.0).reshape(10, 2)
    module = file.create_processing_module("ophys", "d")
    module.add(segmentation)
    fluorescence = Fluorescence()
    module.add(fluorescence)
    for name, factor in (("RoiResponseSeries", 1), ("Denoised", 2), ("Neuropil", 3), ("Deconvolved", 4)):
        line = {"conversion": 0.5, "offset": 1.0} if name == "Denoised" else {}
        series = RoiResponseSeries(name=name, data=traces * factor, rois=rows, unit="n.a.", rate=30.0, **line)
        fluorescence.add_roi_response_series(series)
    with pynwb.NWBHDF5IO(str(tmp_path / "r.nwb"), "w") as io:
        io.write(file)
    with pytest.raises(InputError, match="3 PlaneSegmentations") as error:
        import_results("nwb", tmp_path / "r.nwb")
    assert "--member A" in error.value.fix
    results = import_results("nwb", tmp_path / "r.nwb", Given(member="A"))
    assert results.components.shape == (3, 4, 6) and results.rate == 30
    assert "at 6 × 4 × 3 (x × y × z); say it with --shape" in results.provenance.warnings[0]
    assert results.voxel_size == pytest.approx(ZYX(5, 2, 1))
    first = results.components.footprints[:, [0]].toarray().reshape(3, 4, 6)
    assert first[2, 1, 0] == pytest.approx(0.6) and first[2, 1, 1] == pytest.approx(0.8)
    assert list(results.components.accepted) == [True, False]
    assert np.array_equal(results.components.raw, traces.T[::-1])
    assert np.array_equal(results.components.traces, traces.T[::-1] + 1)
    assert np.array_equal(results.components.spikes, 4 * traces.T[::-1])
    assert np.isnan(results.components.dff).all()  # the file has none
    larger = import_results("nwb", tmp_path / "r.nwb", Given(member="A", shape=(4, 5, 7), rate=9.0))
    assert larger.components.shape == (4, 5, 7) and larger.rate == 9
    assert larger.provenance.warnings == ()
    with pytest.raises(InputError, match="beyond"):
        import_results("nwb", tmp_path / "r.nwb", Given(member="A", shape=(2, 5, 7)))
    flat = import_results("nwb", tmp_path / "r.nwb", Given(member="B")).components
    assert flat.shape == (1, 3, 4) and flat.frames == 0 and flat.accepted.all()
    assert np.array_equal(
        flat.footprints[:, [1]].toarray().reshape(3, 4), (np.eye(4, 3).T[::-1] / np.sqrt(3)).astype(np.float32)
    )
    plane_masks = import_results("nwb", tmp_path / "r.nwb", Given(member="P", shape=(1, 5, 6)))
    first = plane_masks.components.footprints[:, [0]].toarray().reshape(5, 6)
    assert first[2, 4] == pytest.approx(0.6) and first[3, 4] == pytest.approx(0.8)
    assert curated(plane_masks).tags == {"kind": {0: "PV"}}
    with pytest.raises(InputError, match="no PlaneSegmentation 'C'"):
        import_results("nwb", tmp_path / "r.nwb", Given(member="C"))


def cut(path):
    path.write_bytes(path.read_bytes()[:3000])


def no_table(path):
    with h5py.File(path, "r+") as file:
        del file["processing/ophys/ImageSegmentation"]


def no_mask(path):
    with h5py.File(path, "r+") as file:
        del file["processing/ophys/ImageSegmentation/PlaneSegmentation/voxel_mask"]


def bad_index(path):
    with h5py.File(path, "r+") as file:
        file["processing/ophys/ImageSegmentation/PlaneSegmentation/voxel_mask_index"][1] = 10**6


def bad_rows(path):
    with h5py.File(path, "r+") as file:
        file["processing/ophys/Fluorescence/Raw/rois"][0] = 10**6


def bad_provenance(path):
    with h5py.File(path, "r+") as file:
        file["processing/ophys/Cnmf3dProvenance/value"][0] = "{"


@pytest.mark.parametrize("damage", [cut, no_table, no_mask, bad_index, bad_rows, bad_provenance])
def test_a_damaged_file_is_named_with_what_helps(tmp_path, written, damage):
    path = tmp_path / "damaged.nwb"
    path.write_bytes(written[0].read_bytes())
    damage(path)
    with pytest.raises(InputError) as error:
        import_results("nwb", path)
    assert "damaged.nwb" in error.value.problem and error.value.fix


def test_there_and_back_on_the_command_line(tmp_path, random_results, capsys):
    source = write_results(random_results(), tmp_path / "r.hdf5")
    file = tmp_path / "m.yaml"
    file.write_text(template().replace("session_start_time:", "session_start_time: 2026-01-31T14:00:00+01:00"))
    (tmp_path / "trials.csv").write_text("name,start,end\nleft,15,30\nright,0,7.5\n")
    words = ["export", "nwb", source, tmp_path / "r.nwb", "--metadata", file, "--set", "subject_id=M1"]
    words += ["--stimuli", tmp_path / "trials.csv", "--stimuli-in", "frames"]
    assert call([str(word) for word in words]) == 0
    with pynwb.NWBHDF5IO(str(tmp_path / "r.nwb"), "r") as io:
        trials = io.read().intervals["trials"].to_dataframe()
    assert list(trials["stimulus"]) == ["right", "left"] and list(trials["stop_time"]) == [1, 4]
    out = capsys.readouterr()
    assert "5 ROIs" in out.out and "species, sex, age, location" in out.err
    assert call(["import", "nwb", str(tmp_path / "r.nwb"), str(tmp_path / "b.hdf5")]) == 0
    assert_same(load_results(source), load_results(tmp_path / "b.hdf5"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "session_start_time"),
        ({"session": {"session_start_time": "yesterday"}}, "session.session_start_time is 'yesterday'"),
        ({"specis": "Mus musculus"}, "Did you mean species?"),
        ({"subject": {"subject_ids": "M"}}, "Did you mean subject_id?"),
        ({"session.species": "M"}, "session.species"),
        ({"session": "x"}, "group"),
        ({"species": "mouse", "subject_id": "1"}, "Latin"),
        ({"species": "Mus musculus"}, "subject.subject_id is missing"),
        ({"age": "90 days", "subject_id": "1"}, "P90D"),
        ({"sex": "male", "subject_id": "1"}, "'M', 'F', 'U' or 'O'"),
        ({"excitation_lambda": 9.2e-7}, "imaging.excitation_lambda"),
        ({"origin": [1, 2]}, "imaging.origin"),
    ],
)
def test_metadata_that_cannot_be(given, told):
    if given:
        given = {"session_start_time": "2026-01-31T14:00:00+01:00", **given}
    with pytest.raises(UsageError) as error:
        metadata_of(given)
    assert told in str(error.value) and error.value.fix


def test_metadata_from_files_and_pairs(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("session:\n  lab: A\n  keywords: [a, b]\nsubject:\nspecies: Danio rerio\n")
    pairs = ["lab=B", "subject.subject_id=7", "session_start_time=2026-01-31 14:00", "origin=[1, 2, 3]"]
    given = read_metadata(path, pairs)
    metadata = metadata_of(given)
    assert metadata.session.lab == "B" and metadata.session.keywords == ("a", "b")
    assert metadata.subject.subject_id == "7" and metadata.subject.species == "Danio rerio"
    assert metadata.session.session_start_time.tzinfo is not None and metadata.imaging.origin == (1, 2, 3)
    assert grouped_names({"subject": {"age": None}}) == {}
    path.write_text("- a\n")
    with pytest.raises(InputError, match="no names"):
        read_metadata(path)
    path.write_text("a: [")
    with pytest.raises(InputError, match="no valid YAML"):
        read_metadata(path)
    with pytest.raises(InputError, match="can't be read"):
        read_metadata(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="no '='"):
        read_metadata(None, ["lab"])


def test_results_that_nwb_cannot_hold(tmp_path, random_results):
    results = random_results()
    with pytest.raises(InputError, match="rate"):
        export("nwb", export_of(dataclasses.replace(results, rate=0), metadata=METADATA), tmp_path / "r.nwb")
    with pytest.raises(InputError, match="no ROIs"):
        export("nwb", export_of(random_results(0), metadata=METADATA), tmp_path / "r.nwb")
    assert list(tmp_path.iterdir()) == []


def test_tags_of_rois_that_left_are_no_matter(tmp_path, random_results):
    results = random_results(3)
    what = Export(results, np.array([4, 7, 9]), {"n": {4: 1, 7: 2, 9: 3, 11: 4}}, metadata=METADATA)
    export("nwb", what, tmp_path / "r.nwb")
    with h5py.File(tmp_path / "r.nwb") as file:
        table = file["processing/ophys/ImageSegmentation/PlaneSegmentation"]
        assert list(table["id"]) == [4, 7, 9] and list(table["n"]) == [1, 2, 3]
