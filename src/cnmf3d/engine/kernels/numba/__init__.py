"""Kernels compiled by numba, for the processor."""
