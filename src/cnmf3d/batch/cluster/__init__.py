"""Items on other machines: scripts for SLURM and for a plain shell, and a running dask.distributed cluster."""
