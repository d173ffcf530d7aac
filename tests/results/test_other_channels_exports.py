"""A label and the traces of another functional channel, wherever those of the first one go."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cnmf3d.components import ERRORS, TRACES, Traced
from cnmf3d.errors import UsageError
from cnmf3d.results import load_results, write_results
from cnmf3d.results.channels import LABELLED
from cnmf3d.results.exports import Export, export
from cnmf3d.results.exports.columns import about_kind
from cnmf3d.results.exports.suite2p import FILES, SECOND
from cnmf3d.results.report import write_report
from cnmf3d.results.report.sections import sections_of


@pytest.fixture
def both(random_results):
    """Six components whose first three are labelled, with traces of two other channels."""
    results = random_results(6, (3, 9, 11), 20)
    parts, rng = results.components, np.random.default_rng(0)
    channels = {f"channel{n}": Traced(*(rng.random(parts.traces.shape, np.float32) for _ in TRACES)) for n in (1, 3)}
    label = {"red": np.arange(6, dtype=np.float32) + 100, "red_z": np.array([9, 40, 6, 1, -2, np.nan], np.float32)}
    parts = dataclasses.replace(parts, channels=channels, quality={**parts.quality, **label})
    return dataclasses.replace(results, components=parts)


def test_traces_of_a_channel_in_place_of_the_first(both, tmp_path):
    for results in (both, load_results(write_results(both, tmp_path / "r.hdf5"), later=True)):
        parts = results.components.of_channel("channel3")
        for name in TRACES:
            assert np.array_equal(getattr(parts, name), getattr(both.components.channels["channel3"], name))
        assert parts.channels == {} and all(getattr(parts, name) is None for name in ERRORS)
        assert np.array_equal(parts.accepted, both.components.accepted) and parts.count == 6
        with pytest.raises(UsageError, match="no traces of channel2") as error:
            results.components.of_channel("channel2")
        assert "channel1, channel3" in error.value.fix


def test_suite2p_gets_the_second_channel_and_the_label(both, tmp_path):
    notes = export("suite2p", Export(both, np.arange(6)), tmp_path / "s2p")
    assert any("channel3 are left out" in note for note in notes)
    labels = {}
    for folder in sorted((tmp_path / "s2p").iterdir()):
        assert {path.name for path in folder.iterdir()} == {*FILES, *SECOND}
        rows = [row["cnmf3d_roi"] for row in np.load(folder / "stat.npy", allow_pickle=True)]
        assert np.array_equal(np.load(folder / "F_chan2.npy"), both.components.channels["channel1"].raw[rows])
        assert not np.load(folder / "Fneu_chan2.npy").any()
        labels |= dict(zip(rows, np.load(folder / "redcell.npy").tolist(), strict=True))
    assert [labels[roi][0] for roi in range(6)] == [1, 1, 1, 0, 0, 0]
    assert [labels[roi][1] for roi in range(6)] == pytest.approx([0.9, 1, 0.6, 0.1, 0, 0])
    export("suite2p", Export(both, np.arange(6)), tmp_path / "s2p", force=True)  # it is known as one of ours


def test_the_report_shows_the_label_and_each_channel(both, tmp_path):
    sections = {section.title: section for section in sections_of(both)}
    assert {"Traces in channel1", "Traces in channel3"} <= set(sections)
    assert f"above {LABELLED:g} a cell counts as labelled" in sections["Quality"].text

    def course(title):
        (figure,) = sections[title].pictures.values()
        return figure.axes[2].lines[1].get_ydata()

    accepted = [k for k in np.argsort(-both.components.quality["snr"], kind="stable") if both.components.accepted[k]]
    for title, traces in (("Best traces", both.components.traces), ("Traces in channel3", None)):
        known = both.components.channels["channel3"].traces if traces is None else traces
        assert np.array_equal(course(title), known[accepted[0]])
    page = write_report(both, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Traces in channel1" in page


def test_tables_say_what_traces_of_a_channel_are():
    assert about_kind("dff_channel1").unit == about_kind("dff").unit
    assert about_kind("raw_channel3").text.startswith("channel3 on the same footprints: demixed raw trace")
