"""The report: one page that holds everything, for any results."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from cnmf3d.errors import InputError
from cnmf3d.results import load_results
from cnmf3d.results.report import overview, write_report
from cnmf3d.results.report.figures import label
from cnmf3d.results.report.sections import sections_of
from cnmf3d.results.report.views import FRONT, SIDE, TOP, outline, seen


class Page(HTMLParser):
    """Headings, pictures and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.text, self.open = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.pictures.append(dict(attributes))
        if tag not in ("img", "meta", "input", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page_of(results, tmp_path):
    text = write_report(results, tmp_path / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert not re.search(r'(src|href)="(?!data:)', text)
    return page


def test_everything_is_in_it(tmp_path, random_results):
    page = page_of(random_results(40), tmp_path)
    for text in (
        "mövie.tif",
        "40 volumes, 5 s at 7.5 Hz",
        "Where the cells are",
        "Plane by plane",
        "Best traces",
        "Strongest rejected",
        "All accepted traces",
        "Neuropil",
        "median of 13 cells",
        "something <odd> & 'quoted'",
        "init.gSig",
        "0123456789abcdef",
    ):
        assert text in page.text
    names = {picture["alt"] for picture in page.pictures}
    assert {f"Where the cells are: {name}" for name in ("mean", "correlation", "std", "max")} <= names
    for picture in page.pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture["src"].partition(",")[2])))
        assert min(image.size) > 80


@pytest.mark.parametrize(("count", "shape", "frames"), [(0, (4, 9, 11), 40), (3, (1, 30, 20), 40), (1, (2, 3, 3), 1)])
def test_odd_results_have_a_page_too(tmp_path, random_results, count, shape, frames):
    page = page_of(random_results(count, shape, frames), tmp_path)
    assert page.pictures
    assert ("Plane by plane" in page.text) == (shape[0] > 1)


def test_nothing_known_but_components(tmp_path, random_results):
    results = random_results()
    bare = dataclasses.replace(
        results,
        components=dataclasses.replace(results.components, quality={}),
        parameters={},
        rate=0.0,
        voxel_size=None,
        projections={},
        provenance=type(results.provenance)(),
    )
    assert "Where the cells are" in page_of(bare, tmp_path).text


def test_values_that_are_not_finite(tmp_path, random_results):
    results = random_results(6)
    quality = {**results.components.quality, "snr": np.array([np.nan, np.inf, 1, 2, 3, 4], np.float32)}
    components = dataclasses.replace(results.components, quality=quality)
    assert "Quality" in page_of(dataclasses.replace(results, components=components), tmp_path).text


def measured(results, **quality):
    components = results.components
    accepted = np.array([True, False, False, False])
    values = {name: np.array(given, np.float32) for name, given in quality.items()}
    return dataclasses.replace(
        results,
        components=dataclasses.replace(components, quality=values, accepted=accepted),
        parameters={"quality": {"min_SNR": 2.5, "rval_thr": 0.7, "smooth_thr": 0.45, "soma_thr": 0.5}},
    )


def test_a_rejected_component_is_labelled_with_what_it_lacks(random_results):
    results = measured(random_results(4), snr=[9, 28, 2, 8], soma=[0.1, 0, 1, 1], smoothness=[0.6, 0.7, 0.3, 0.6])
    thresholds = {"snr": 2.5, "smoothness": 0.45, "soma": 0.5}
    assert label(results, 0, thresholds) == "#0\n9"  # accepted, by hand
    assert label(results, 1, thresholds) == "#1\n28\nsoma 0.00"
    assert label(results, 2, thresholds) == "#2\n2\nsmoothness 0.30"
    assert label(results, 3, thresholds) == "#3\n8"


def test_a_measure_that_may_be_too_large_is_named_above_its_threshold(random_results):
    results = measured(random_results(4), snr=[9, 3, 3, 8], motion_r=[0.9, 0.9, 0.2, 0.7])
    thresholds = {"snr": 2.5, "motion_r": 0.6}
    assert label(results, 0, thresholds) == "#0\n9"
    assert label(results, 1, thresholds) == "#1\n3\nmotion_r 0.90"
    assert label(results, 2, thresholds) == "#2\n3"
    parameters = {"quality": {"min_SNR": 2.5, "motion_thr": 0.6}}
    (section,) = (s for s in sections_of(dataclasses.replace(results, parameters=parameters)) if s.title == "Quality")
    assert ": motion_r 2." in section.text


def test_quality_counts_the_rejected_below_each_threshold(random_results):
    results = measured(random_results(4), snr=[1, 28, 2, 8], soma=[1, 0, 0, 1], smoothness=[0.6, 0.7, 0.3, np.nan])
    (section,) = (s for s in sections_of(results) if s.title == "Quality")
    assert "Of 3 rejected" in section.text and ": soma 2, snr 1, smoothness 1." in section.text
    lines = {
        axis.get_title(): [float(line.get_xdata()[0]) for line in axis.lines]
        for axis in section.pictures["quality"].axes
    }
    assert lines == {"snr": [2.5], "soma": [0.5], "smoothness": [0.45]}


def test_caimans_own_files(tmp_path, data):
    page = page_of(load_results(data / "caiman_results/sim_tiny_patch_refit.hdf5"), tmp_path)
    assert "Best traces" in page.text


def test_an_outline_encloses_the_footprint(random_results):
    results = random_results(1, (6, 20, 30))
    volume = np.zeros((6, 20, 30), np.float32)
    volume[2:4, 5:9, 10:17] = 1
    components = dataclasses.replace(
        results.components, footprints=type(results.components.footprints)(volume.reshape(-1, 1))
    )
    for view, low, high in ((TOP, (10, 5), (16, 8)), (FRONT, (10, 2), (16, 3)), (SIDE, (2, 5), (3, 8))):
        (line,) = outline(components, 0, view)
        assert (line.min(axis=0) < low).all() and (line.min(axis=0) > np.array(low) - 1).all()
        assert (line.max(axis=0) > high).all() and (line.max(axis=0) < np.array(high) + 1).all()
    assert outline(components, 0, TOP, plane=2) and not outline(components, 0, TOP, plane=4)
    assert seen(volume, SIDE).shape == (20, 6) and seen(volume, FRONT).shape == (6, 30)


def test_the_overview_has_three_views(random_results):
    assert len(overview(random_results()).axes) == 3


def test_no_folder_to_write_to(tmp_path, random_results):
    with pytest.raises(InputError, match="can't be written"):
        write_report(random_results(), tmp_path / "none" / "r.html")
