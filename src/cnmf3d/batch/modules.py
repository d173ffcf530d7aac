"""Modules: what an item may compute."""

from __future__ import annotations

CNMF, MCORR = "cnmf_3d", "mcorr_3d"

MODULES = (CNMF, MCORR)
"""``cnmf_3d`` finds the components of a movie, ``mcorr_3d`` how the tissue in it moves."""
