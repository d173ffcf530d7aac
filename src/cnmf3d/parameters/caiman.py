"""CaImAn's parameters: for every name, what the native engine makes of it.

Names and defaults are those of CaImAn 1.12.1 (``CNMFParams`` and the arguments of ``CNMF``), in `caiman_defaults.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["honoured", "fixed", "no effect", "refused"]


@dataclass(frozen=True)
class Rule:
    """What becomes of one of CaImAn's parameters.

    Attributes
    ----------
    kind : str
        ``honoured``: sets our parameter `target`. ``fixed``: only `values` are possible, and they are what the engine
        does. ``no effect``: any value is accepted, as it can't change the result here. ``refused``: an error, unless it
        is CaImAn's default, which says nothing.
    text : str
        Why, or what it means here.
    target : str
        ``group.name`` of ours, for ``honoured``.
    values : tuple
        What is accepted, for ``fixed``.
    """

    kind: Kind
    text: str
    target: str = ""
    values: tuple[Any, ...] = ()


def _ours(target: str, text: str = "") -> Rule:
    return Rule("honoured", text, target=target)


def _only(*values: Any, text: str) -> Rule:
    return Rule("fixed", text, values=values)


def _running(text: str) -> Rule:
    return Rule("no effect", text)


def _refused(text: str) -> Rule:
    return Rule("refused", text)


_CORES = _running(
    "how CaImAn shares out work; here --workers says how many threads run, and nothing changes the result"
)
_DECONVOLUTION = _refused("of CaImAn's noise and AR estimates; here kinetics are measured on the strongest cells")
_NOISE = _refused("noise is measured from second differences in time, for every voxel")
_SHAPES = _refused("of CaImAn's search for a footprint's voxels; here footprints grow where the data say")
_SEEDING = _refused("of a method of initialisation that isn't for volumes; here seeds come from activity (method_init)")
_CORR_PNR = _refused("of the one-photon method corr_pnr, which isn't for volumes")
_CNN = _refused("of CaImAn's neural network, which was trained on images of single planes")
_PATCH_FIT = _running(
    "how CaImAn fits patches; here patches are fitted at full resolution, and all frames once at the end"
)
_FITTED = _refused("values of an earlier fit can't be continued; give footprints to start from (seeds) instead")

_NEUROPIL = _ours("background.nb", "neuropil courses; here beside the resting image, which always is one more")

_OWN_PACE = _running("how many stretches CaImAn takes for a template; here all frames tell it")
_ONE_KERNEL = _running("frames are always moved by the same interpolation, see docs/registration.md")
_VALUES_STAY = _running("values stay as they were recorded, negative ones too")

MOTION: dict[str, Rule] = {
    "border_nan": _ours("motion.border_nan", "where a registered movie is written; a run always sees NaN"),
    "gSig_filt": _running(
        "of CaImAn's high-pass filter; here each spatial frequency weighs by what noise and active cells do there"
    ),
    "indices": _refused("of parts of the field; crop the movie instead"),
    "is3D": _running("the movie tells whether it has planes"),
    "max_deviation_rigid": _ours("motion.max_deviation_rigid", "one number, or along x, y, z"),
    "max_shifts": _ours("motion.max_shifts", "along x, y, z"),
    "min_mov": _VALUES_STAY,
    "niter_rig": _ours("motion.niter_rig"),
    "nonneg_movie": _VALUES_STAY,
    "num_frames_split": _running(
        "how many frames are read at once; here memory suggests it, and the result is the same"
    ),
    "num_splits_to_process_els": _OWN_PACE,
    "num_splits_to_process_rig": _OWN_PACE,
    "overlaps": _running(
        "patches lie side by side; what they have in common makes the field smooth, see docs/motion.md"
    ),
    "pw_rigid": _ours("motion.pw_rigid"),
    "shifts_interpolate": _running("shifts of patches are always interpolated between their centres"),
    "shifts_opencv": _ONE_KERNEL,
    "splits_els": _OWN_PACE,
    "splits_rig": _OWN_PACE,
    "strides": _ours("motion.strides", "along x, y, z"),
    "upsample_factor_grid": _running("shifts of patches are interpolated linearly to every voxel"),
    "use_cuda": _CORES,
}
"""CaImAn's parameters of motion correction: those of registration, which is a step of its own before CNMF."""

GROUPS: dict[str, Rule] = {
    "online": _refused("of OnACID, CaImAn's online algorithm; here the whole movie is read in pieces"),
    "ring_CNN": _refused("of CaImAn's one-photon ring network"),
}
"""Groups that have one answer for all their names."""

_LAST = ("motion", *GROUPS)
"""Groups whose names mean those of other groups where they are bare."""

RULES: dict[str, Rule] = {
    "fr": _ours("data.fr"),
    "decay_time": _ours("data.decay_time"),
    "dxy": _ours("data.voxel_size", "three values (x, y, z) in µm; CaImAn's default (1, 1) means that it isn't known"),
    "fnames": _running("the movie is given by itself"),
    "dims": _running("the movie tells its size"),
    "var_name_hdf5": _refused("give the array's name when the movie is opened (--dataset)"),
    "caiman_version": _running("a note of CaImAn's"),
    "last_commit": _running("a note of CaImAn's"),
    "params": _refused("give the parameters themselves"),
    "k": _ours("init.K"),
    "K": _ours("init.K"),
    "gSig": _ours("init.gSig"),
    "gSiz": _ours("init.gSiz"),
    "ssub": _ours("init.ssub", "while seeds are sought"),
    "tsub": _ours("init.tsub", "while components are sought"),
    "Ain": _ours("init.seeds", "the name of a file; arrays go to cnmf3d.run(seeds=...)"),
    "Cin": _FITTED,
    "b_in": _FITTED,
    "f_in": _FITTED,
    "method_init": _only(
        "greedy_roi", "activity", text="seeds are sought one by one where a cell's size and transients are; "
        "graph_nmf, sparse_nmf and corr_pnr are for 2D movies"
    ),
    "center_psf": _only(False, text="the ring model of one-photon movies isn't for volumes"),
    "normalize_init": _running("every voxel is measured in units of its noise"),
    "nb": _NEUROPIL,
    "gnb": _NEUROPIL,
    "nb_patch": _running("neuropil is found for the whole volume; gnb decides"),
    "nIter": _SEEDING,
    "maxIter": _SEEDING,
    "kernel": _SEEDING,
    "rolling_sum": _SEEDING,
    "rolling_length": _SEEDING,
    "seed_method": _SEEDING,
    "options_local_NMF": _SEEDING,
    "init_iter": _CORR_PNR,
    "min_corr": _CORR_PNR,
    "min_pnr": _CORR_PNR,
    "ring_size_factor": _CORR_PNR,
    "ssub_B": _CORR_PNR,
    "merge_thr": _ours("merging.merge_thr"),
    "merge_thresh": _ours("merging.merge_thr"),
    "do_merge": _ours("merging.do_merge"),
    "merge_parallel": _CORES,
    "rf": _ours("patch.rf"),
    "stride": _ours("patch.stride"),
    "p_patch": _PATCH_FIT,
    "p_ssub": _PATCH_FIT,
    "p_tsub": _PATCH_FIT,
    "only_init": _PATCH_FIT,
    "only_init_patch": _PATCH_FIT,
    "del_duplicates": _running("each cell belongs to one patch: there are no duplicates"),
    "border_pix": _only(0, text="voxels that are NaN at the border are left out; crop the movie otherwise"),
    "low_rank_background": _only(True, text="neuropil is of low rank in the whole volume"),
    "remove_very_bad_comps": _only(False, text="rejected components are kept, marked"),
    "skip_refinement": _only(False, text="footprints and traces are always refined"),
    "memory_fact": _CORES,
    "in_memory": _CORES,
    "n_processes": _CORES,
    "dview": _CORES,
    "n_pixels_per_process": _CORES,
    "block_size_temp": _CORES,
    "num_blocks_per_run_temp": _CORES,
    "num_blocks_per_run_spat": _CORES,
    "verbosity": _CORES,
    "p": _ours("temporal.p"),
    "ITER": _DECONVOLUTION,
    "lags": _DECONVOLUTION,
    "fudge_factor": _DECONVOLUTION,
    "optimize_g": _DECONVOLUTION,
    "compute_g": _DECONVOLUTION,
    "bas_nonneg": _only(False, text="a baseline may be negative, as traces are relative to the resting image"),
    "s_min": _only(None, text="spikes are limited by the noise of each trace"),
    "solvers": _refused("of the solver cvxpy"),
    "method_deconvolution": _only("oasis", text="spikes are posterior means, see docs/traces.md"),
    "deconv_flag": _only(True, text="p = 0 is a run without deconvolution"),
    "check_nan": _running("NaN is always looked for"),
    "include_noise": _NOISE,
    "max_num_samples_fft": _NOISE,
    "noise_method": _NOISE,
    "noise_range": _NOISE,
    "pixels": _NOISE,
    "sn": _NOISE,
    "dist": _SHAPES,
    "expandCore": _SHAPES,
    "extract_cc": _SHAPES,
    "maxthr": _SHAPES,
    "medw": _SHAPES,
    "method_exp": _SHAPES,
    "method_ls": _SHAPES,
    "normalize_yyt_one": _SHAPES,
    "nrgthr": _SHAPES,
    "se": _SHAPES,
    "ss": _SHAPES,
    "thr_method": _SHAPES,
    "update_background_components": _only(True, text="neuropil is fitted with the cells"),
    "min_SNR": _ours("quality.min_SNR"),
    "rval_thr": _ours("quality.rval_thr"),
    "SNR_lowest": _ours("quality.SNR_lowest"),
    "rval_lowest": _ours("quality.rval_lowest"),
    "use_cnn": _only(False, text="CaImAn's neural network was trained on images of single planes"),
    "use_ecc": _only(False, text="eccentricity is measured on single planes"),
    "max_ecc": _refused("of use_ecc, which is for single planes"),
    "cnn_lowest": _CNN,
    "min_cnn_thr": _CNN,
    "gSig_range": _CNN,
}  # fmt: skip
"""Names that mean the same wherever CaImAn has them. What isn't here belongs to methods that are not for volumes."""

_OF_SEEDING = (
    "SC_",
    "alpha_snmf",
    "greedyroi",
    "lambda_gnmf",
    "snmf",
    "max_iter_snmf",
    "perc_baseline",
    "sigma_smooth",
)


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """CaImAn's groups of parameters with their defaults; don't change them."""
    return _file()["groups"]


@cache
def constructor() -> dict[str, Any]:
    """Arguments of CaImAn's ``CNMF`` with their defaults; don't change them."""
    return _file()["constructor"]


def _file() -> dict[str, dict[str, Any]]:
    text = files("cnmf3d.parameters").joinpath("caiman_defaults.json").read_text(encoding="utf-8")
    content: dict[str, dict[str, Any]] = json.loads(text)
    return content


def group_of(name: str) -> str:
    """The group of CaImAn's that a bare name belongs to; empty where there is none."""
    return next((group for group in sorted(defaults(), key=_LAST.__contains__) if name in defaults()[group]), "")


def rule_of(name: str, group: str = "") -> Rule | None:
    """What becomes of one of CaImAn's names; None where CaImAn doesn't have it either.

    Parameters
    ----------
    name : str
        As in CaImAn.
    group : str
        Its group in ``CNMFParams``; empty for an argument of ``CNMF``, or where a user wrote the bare name.
    """
    if group:
        known = name in defaults().get(group, ()) or (group == "data" and name == "last_commit")
    else:
        group = group_of(name)
        known = bool(group) or name in constructor()
    if not known:
        return None
    if group == "motion":
        return MOTION[name]
    if group in GROUPS:
        return GROUPS[group]
    if name in RULES:
        return RULES[name]
    return _SEEDING if name.startswith(_OF_SEEDING) else GROUPS["online"]


def says_nothing(name: str, group: str, value: Any) -> bool:
    """Whether `value` is CaImAn's own default for a name."""
    value = list(value) if isinstance(value, tuple) else value
    value = "Infinity" if value == float("inf") else value
    known = [table[name] for table in (defaults().get(group or group_of(name), {}), constructor()) if name in table]
    return value in known
