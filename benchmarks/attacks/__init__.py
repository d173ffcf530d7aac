"""Attacks of `benchmarks/reliability.py`: damaged files, kills, full disks, power cuts, movies that change."""
