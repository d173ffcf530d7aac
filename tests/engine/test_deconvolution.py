from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from cnmf3d.engine.deconvolution import Response, deconvolve, measured_response, noise_level
from cnmf3d.engine.kernels.numba import deconvolution as kernels


def convolution(kernel, frames):
    """The matrix ``H`` with ``h ∗ s = H s``."""
    matrix = np.zeros((frames, frames))
    for t in range(frames):
        part = kernel[: frames - t]
        matrix[t : t + len(part), t] = part
    return matrix


def sparse_solution(trace, kernel, penalty):
    """Numpy twin: ``½‖y − H s‖² + penalty Σ s`` as non-negative least squares, by completing the square."""
    matrix = convolution(kernel, trace.size)
    root = np.linalg.cholesky(matrix.T @ matrix + 1e-9 * np.eye(trace.size)).T
    target = np.linalg.solve(root.T, matrix.T @ trace - penalty)
    return nnls(root, target)[0]


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


@settings(deadline=None, max_examples=60)
@given(traces, st.floats(0.2, 0.97), st.floats(0, 2))
def test_oasis_finds_the_minimum(trace, g, penalty):
    calcium, spikes = np.empty_like(trace), np.empty_like(trace)
    kernels.oasis_ar1(trace, g, penalty, calcium, spikes)
    kernel = g ** np.arange(trace.size)

    def cost(s):
        return 0.5 * np.sum((convolution(kernel, trace.size) @ s - trace) ** 2) + penalty * s.sum()

    ours = spikes.astype(float)
    ours[0] = calcium[0]
    assert np.allclose(convolution(kernel, trace.size) @ ours, calcium, atol=1e-3)
    assert cost(ours) <= cost(sparse_solution(trace.astype(float), kernel, penalty)) + 1e-3 * (1 + trace.size)


@settings(deadline=None, max_examples=60)
@given(traces, st.floats(1.5, 10), st.floats(0, 1.4), st.floats(0.1, 2))
def test_coordinate_descent_finds_the_minimum(trace, decay, rise, penalty):
    kernel = Response(decay, rise).kernel(trace.size)
    spikes, residual = np.zeros_like(trace), np.empty_like(trace)
    kernels.nonnegative_spikes(trace, kernel, penalty, 1e-5, 2000, spikes, residual)
    matrix = convolution(kernel.astype(float), trace.size)
    assert np.allclose(residual, trace - matrix @ spikes, atol=1e-3)

    def cost(s):
        return 0.5 * np.sum((matrix @ s - trace) ** 2) + penalty * s.sum()

    best = cost(sparse_solution(trace.astype(float), kernel.astype(float), penalty))
    assert spikes.min() >= 0
    assert cost(spikes.astype(float)) <= best + 1e-2 * (1 + abs(best))


@given(st.floats(1, 50), st.floats(0.1, 0.9))
def test_the_response_obeys_its_recursion(decay, share):
    response = Response(decay, share * decay)
    g1, g2 = response.coefficients()
    h = response.kernel(60).astype(float)
    twin = [1.0, g1]
    while len(twin) < len(h):
        twin.append(g1 * twin[-1] + g2 * twin[-2])
    assert np.allclose(h, twin[: len(h)], rtol=1e-3, atol=1e-4)


def test_noise_level_is_not_deceived_by_transients():
    raw, _, _ = recording(noise=0.3)
    assert noise_level(raw) == pytest.approx(0.3, rel=0.2)


@pytest.mark.parametrize("p", [1, 2])
def test_calcium_and_spikes_are_found(p):
    raw, calcium, spikes = recording(rise=0.0 if p == 1 else 1.0)
    found = deconvolve(raw, p, Response(8.0, 0.0 if p == 1 else 1.0), workers=2)
    assert mean_correlation(found.traces, calcium) > 0.98
    assert mean_correlation(found.spikes, spikes) > 0.75
    assert found.kinetics.g.shape == (12, p)
    assert found.kinetics.baseline == pytest.approx(3, abs=0.3)


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
