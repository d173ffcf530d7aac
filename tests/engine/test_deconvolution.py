from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.engine.deconvolution import Response, deconvolve, measured_response, noise_level, own_responses


def convolution(kernel, frames):
    """The matrix ``H`` with ``h ∗ s = H s``."""
    matrix = np.zeros((frames, frames))
    for t in range(frames):
        part = kernel[: frames - t]
        matrix[t : t + len(part), t] = part
    return matrix


def recording(cells=12, frames=600, decay=8.0, rise=1.0, noise=0.25, seed=0):
    rng = np.random.default_rng(seed)
    spikes = (rng.random((cells, frames)) < 0.02) * rng.uniform(0.5, 2, (cells, frames))
    kernel = Response(decay, rise).kernel(frames)
    calcium = np.array([np.convolve(s, kernel)[:frames] for s in spikes])
    raw = (calcium + 3 + noise * rng.standard_normal(calcium.shape)).astype(np.float32)
    return raw, calcium, spikes


def mean_correlation(a, b):
    return np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])


traces = st.lists(st.floats(-3, 6, width=32), min_size=3, max_size=40).map(lambda v: np.array(v, np.float32))


@given(st.floats(1, 50), st.floats(0, 0.9), st.booleans())
def test_the_response_obeys_its_recursion(decay, share, averaged):
    response = Response(decay, share * decay, averaged)
    g1, g2 = response.coefficients()
    h = response.kernel(60).astype(float)
    twin = list(response.onset)
    twin[1] += g1 * twin[0]
    twin[2] += g1 * twin[1] + g2 * twin[0]
    while len(twin) < len(h):
        twin.append(g1 * twin[-1] + g2 * twin[-2])
    assert np.allclose(h, twin[: len(h)], rtol=1e-3, atol=1e-4)
    assert sum(response.onset) == pytest.approx(1, abs=2e-3)
    assert response.kernel(100000).sum() * (1 - g1 - g2) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("decay", "rise"), [(6.0, 0.7), (20.0, 3.0), (2.0, 0.0)])
def test_averaged_frames_are_means_over_frames_and_over_where_in_its_frame_a_spike_is(decay, rise):
    fine = 200
    t = np.arange(1, 12 * fine) / fine
    h = np.exp(-t / decay) - (np.exp(-t / rise) if rise else 0)
    box = np.full(fine, 1 / fine)
    twin = np.convolve(np.convolve(h, box), box)[fine - 1 :: fine][:8]
    found = Response(decay, rise, averaged=True).kernel(1000)[:8].astype(float)
    assert np.allclose(found / found.max(), twin / twin.max(), atol=0.01)


def test_noise_level_is_not_deceived_by_transients():
    raw, _, _ = recording(noise=0.3)
    assert noise_level(raw) == pytest.approx(0.3, rel=0.2)


def simulated(response, cells=12, frames=3000, noise=0.2, share=0.5 / 30, baseline=10.0, seed=3):
    """Spikes of size 1 in a share of the frames, their calcium, and traces with noise."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random((cells, frames)) < share).astype(float)
    calcium = np.array([np.convolve(s, response.kernel(frames))[:frames] for s in spikes])
    return (calcium + baseline + noise * rng.standard_normal(calcium.shape)).astype(np.float32), calcium, spikes


SLOW = Response(20.5, 3.4)  # g = 1.7, -0.712


@pytest.mark.parametrize(
    ("response", "noise", "least"),
    [(Response(19.5), 0.2, 0.97), (Response(19.5), 0.5, 0.63), (SLOW, 0.2, 0.965), (SLOW, 0.5, 0.77)],
)
def test_spikes_calcium_baseline_and_scale_are_found(response, noise, least):
    raw, calcium, spikes = simulated(response, noise=noise)
    found = deconvolve(raw, 2 if response.rise else 1, response, workers=2)
    assert mean_correlation(found.spikes, spikes) > least
    assert mean_correlation(found.traces, calcium) > 0.95
    assert found.spikes.sum() == pytest.approx(spikes.sum(), rel=0.05)
    assert found.kinetics.baseline == pytest.approx(10, abs=0.15)
    assert np.mean(found.kinetics.baseline) == pytest.approx(10, abs=0.03)
    assert found.kinetics.noise == pytest.approx(noise, rel=0.1)


def test_the_baseline_of_busy_traces_is_theirs():
    raw, _, spikes = simulated(Response(12.0, 1.0), frames=2000, share=0.15, noise=0.3)
    found = deconvolve(raw, 2, Response(12.0, 1.0))
    assert np.percentile(raw, 10) > 10.3  # hardly ever at rest
    assert np.mean(found.kinetics.baseline) == pytest.approx(10, abs=0.25)
    assert found.spikes.sum() == pytest.approx(spikes.sum(), rel=0.08)


def test_twice_the_trace_has_twice_the_spikes():
    raw, _, _ = simulated(SLOW, cells=3, frames=800)
    one, two = deconvolve(raw, 2, SLOW), deconvolve(2 * raw, 2, SLOW)
    assert np.allclose(two.spikes, 2 * one.spikes, rtol=1e-3, atol=1e-3)


def test_calcium_from_before_the_recording_is_no_spike():
    response = Response(15.0, 1.0)
    raw, _, spikes = simulated(response, cells=6, frames=400, share=0.005)
    found = deconvolve(raw + 4 * np.exp(-np.arange(400) / 15.0).astype(np.float32), 2, response)
    assert found.kinetics.initial == pytest.approx(4, rel=0.15)
    assert found.spikes.sum() == pytest.approx(spikes.sum(), rel=0.15)


def test_noise_alone_has_next_to_no_spikes():
    raw = np.random.default_rng(0).standard_normal((8, 2000)).astype(np.float32)
    found = deconvolve(raw, 2, SLOW)
    assert np.abs(found.traces).mean() < 0.15


@pytest.mark.parametrize("averaged", [True, False])
def test_whether_frames_are_averages_is_seen_in_traces(averaged):
    raw, _, _ = simulated(Response(8.0, 0.9, averaged), cells=8, frames=1500, noise=0.15)
    found = measured_response(raw, 2, 10.0, None)
    assert found.averaged == averaged
    assert found.decay == pytest.approx(8, rel=0.2) and found.rise == pytest.approx(0.9, rel=0.4)


def test_each_cell_has_its_own_decay_where_its_trace_tells():
    decays = np.geomspace(3, 30, 12)
    raw = np.concatenate([simulated(Response(d, 0.1 * d), cells=1, seed=k)[0] for k, d in enumerate(decays)])
    raw[5] = np.random.default_rng(1).standard_normal(raw.shape[1])
    shared = measured_response(raw, 2, 10.0, None)
    own = own_responses(raw, shared, workers=2)
    found = np.array([response.decay for response in own])
    told = np.delete(np.arange(12), 5)
    assert np.corrcoef(np.log(found[told]), np.log(decays[told]))[0, 1] > 0.97
    assert np.abs(np.log(found[told] / decays[told])).max() < 0.7
    assert own == own_responses(raw, shared)


def test_rounding_decides_on_no_decay():
    """Also where noise leaves several decays likely: then sampling scatters more than they differ."""
    rng = np.random.default_rng(0)
    shared = Response(2.5, 0.3)
    raw, _, _ = simulated(shared, cells=60, frames=160, noise=0.35, share=0.06)
    rounded = raw * (1 + 1e-4 * rng.standard_normal(raw.shape)).astype(np.float32)
    one, other = (np.log([each.decay for each in own_responses(values, shared)]) for values in (raw, rounded))
    assert np.abs(one - other).max() < 0.1


@pytest.mark.parametrize("response", [Response(10.5), Response(12.5, 1.5)])
def test_decays_of_cells_that_are_never_at_rest_are_theirs(response):
    raw, _, _ = simulated(response, cells=6, frames=1500, share=0.1, noise=response.peak / 16)
    p = 2 if response.rise else 1
    shared = measured_response(raw, p, 30.0, None)
    own = own_responses(raw, shared)
    assert np.median([each.decay for each in own]) == pytest.approx(response.decay, rel=0.08)


def test_without_a_model_traces_stay_as_they_are():
    raw, _, _ = recording()
    found = deconvolve(raw, 0, Response(8.0))
    assert np.allclose(found.traces + found.kinetics.baseline[:, None], raw, atol=1e-4)
    assert not found.spikes.any() and found.kinetics.g.shape == (12, 0)


@pytest.mark.parametrize(("decay", "rise", "rate"), [(6.0, 0.6, 10.0), (15.0, 2.0, 20.0), (3.0, 0.0, 3.0)])
def test_kinetics_are_measured(decay, rise, rate):
    raw, _, _ = recording(cells=20, frames=1000, decay=decay, rise=rise, noise=0.15)
    found = measured_response(raw, 2, rate, None)
    assert found.decay == pytest.approx(decay, rel=0.25)
    assert found.rise == pytest.approx(rise, abs=1.2)


def test_a_given_decay_time_is_kept():
    raw, _, _ = recording()
    assert measured_response(raw, 1, 10.0, 0.5) == Response(5.0)


@pytest.mark.parametrize("p", [0, 1, 2])
@pytest.mark.parametrize("shape", [(0, 50), (1, 3), (2, 1), (3, 25)])
def test_next_to_nothing_is_survived(p, shape):
    raw = np.zeros(shape, np.float32)
    found = deconvolve(raw, p, measured_response(raw, p, 10.0, None) or Response(5.0))
    assert found.traces.shape == found.spikes.shape == shape
    assert np.isfinite(found.traces).all()


def test_the_number_of_workers_changes_nothing():
    raw, _, _ = recording()
    one, two = (deconvolve(raw, 2, Response(8.0, 1.0), workers=n) for n in (1, 3))
    assert one.traces.tobytes() == two.traces.tobytes() and one.spikes.tobytes() == two.spikes.tobytes()
    assert measured_response(raw, 2, 10.0, None, 1) == measured_response(raw, 2, 10.0, None, 3)
