"""Kernels: the inner loops, one module a backend."""
