"""What our things are called in an NWB file: shared by what writes and what reads them."""

from __future__ import annotations

MODULE = "ophys"
SEGMENTATION, BACKGROUND = "PlaneSegmentation", "BackgroundSegmentation"
NOISE = "voxel_noise"
PARAMETERS, PROVENANCE = "Cnmf3dParameters", "Cnmf3dProvenance"
CURATION = "Cnmf3dCuration"
SEGMENTS = "segments"

TRACES = {
    "Raw": "demixed raw trace, before deconvolution",
    "Denoised": "denoised calcium",
    "Residuals": "demixed raw trace minus denoised calcium",
    "Deconvolved": "deconvolved activity, not negative, in units of the traces",
}
"""Series of ``Fluorescence``, one column a row of the segmentation."""

DFF, SEEN = "DfOverF", "ShareSeen"
CHANNEL_TRACES = {"Raw": "raw", "Denoised": "traces", "Residuals": "residuals", "Deconvolved": "spikes", DFF: "dff"}
"""Series of each further functional channel, ``Raw_channel1``, and its traces' names."""
ERRORS = {
    "traces_sd": ("DenoisedError", "standard error of the denoised calcium"),
    "spikes_sd": ("DeconvolvedError", "standard error of the deconvolved activity of each volume"),
    "events_sd": (
        "EventSizeError",
        "standard error of the size of the event that a volume belongs to; 0 outside events",
    ),
}
"""Fields of `Components`, the series that hold them, and what these are."""

COURSES = "Background"
"""Series of ``Fluorescence`` with a column for each row of `BACKGROUND`."""

KINETICS = {
    "baseline": ("baseline", "baseline of the trace, in its units"),
    "initial": ("initial_calcium", "calcium at the first volume that earlier activity left, in units of the trace"),
    "noise": ("noise", "noise of the trace, in its units"),
    "sparsity": ("sparsity_penalty", "penalty that deconvolution used"),
}
"""Fields of `Kinetics`, the columns that hold them, and what these are."""

AR = "ar_coefficients"

METRICS = {
    "snr": "signal to noise of the trace at its peaks",
    "r_value": "correlation of the footprint with the mean of the volumes in which the ROI is active",
    "reliability": "how far the trace outlasts a moment, as transients do and noise does not",
    "skewness": "skewness of the trace",
    "compactness": "cosine of the footprint with a Gaussian of a cell's size",
    "smoothness": "smoothness of the outline, 16 area / perimeter^2: 1 for a square, about 0.6 to 0.8 for a disk",
    "width": "width of the footprint's outline across its narrow side in the plane, in voxels",
    "aspect": "length of the footprint's outline over its width",
    "soma": "probability of being a cell body and not something thinner; 1 where all components are of one kind",
    "p_cell": "probability of being a cell, fitted to simulated movies; it has no part in the verdict",
    "motion_r": "multiple correlation of the trace with the motion; edges that move have more than 0.6",
    "double": "1 where a brighter ROI left it over: within it or at its edge, and following its trace; else 0",
    "seen": "share of the footprint's light that the movie shows, mean over the volumes",
    "f0": "resting light F0 (whose: see DfOverF), without the detector's offset, in units of the raw traces",
    "decay": "decay time of calcium after a spike, in seconds",
    "rise": "rise time of calcium after a spike, in seconds; 0 where the model has none",
    "noise": "standard deviation of the trace's noise in one volume, in units of the raw traces",
    "red": "mean of the structural channel in the footprint, in units of that channel",
    "red_z": "significance of that: standard deviations above the same footprint at other places; above 5 is labelled",
    "time_offset": "time of the ROI's plane or planes since their volume began, weighted by the squared footprint",
    "seed": "number of the seed that the ROI was: its label, its ROI in a results file, or its column counted from 0",
}


F0_LIGHT = {
    "own": "the ROI's own resting light",
    "all": "all resting light",
    "surround": "the resting light without a share of the surround's",
}
"""What F0 is, by the rule of resting light."""


def images(name: str) -> str:
    """The container of a volume's planes."""
    return "Images" + "".join(part.capitalize() for part in name.split("_"))
