"""Evaluation: which components are accepted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cnmf3d.parameters.stage import Stage


class QualityParameters(Stage):
    """Thresholds. Accepted: (SNR or r value high enough), neither below its lowest value, and reliable."""

    min_SNR: float = Field(2.5, description="Trace SNR from which a component is accepted.")
    rval_thr: float = Field(
        0.7,
        ge=-1,
        le=1,
        description="Space correlation from which a component is accepted (footprint against active frames); below 0.8 "
        "times that the trace SNR must be 1.6 times min_SNR.",
    )
    SNR_lowest: float = Field(0.5, description="Trace SNR below which a component is rejected in any case.")
    rval_lowest: float = Field(
        -1.0, ge=-1, le=1, description="Space correlation below which a component is rejected in any case."
    )
    skew_thr: float = Field(
        0.5,
        description="Skewness of the trace below which a component needs twice min_SNR or an r value of 0.97: "
        "transients only go up, neuropil swings both ways.",
    )
    compact_thr: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Cosine of the footprint with a Gaussian of a cell's size below which a component needs twice "
        "min_SNR: edges of cells and what noise leaves are scattered or small.",
    )
    smooth_thr: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Smoothness of the footprint's outline (16 area / perimeter², holes filled; a disk has 0.6 to "
        "0.8) below which a component needs twice min_SNR; below three quarters of it it is rejected: noise and "
        "neuropil are ragged.",
    )
    soma_thr: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability of being a cell body below which a component is rejected, in movies that show both "
        "cell bodies and thinner things (dendrites, boutons); 0 accepts both kinds.",
    )
    motion_thr: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Correlation of the trace with the motion (multiple, of displacement and its products) above which "
        "a component needs four times min_SNR: edges of bright things follow it. 1 asks for nothing more.",
    )
    reliability_z: float = Field(
        4.5,
        ge=0,
        description="Standard deviations above noise by which a trace must outlast a moment, as transients do and "
        "noise does not; fewer are asked for where a movie is full of cells.",
    )
    use_cnn: Literal[False] = Field(
        False, description="CaImAn's neural network was trained on images of single planes; not for volumes."
    )
