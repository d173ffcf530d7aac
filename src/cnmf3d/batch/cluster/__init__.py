"""Items on other machines: scripts for SLURM and for a plain shell, and a running dask.distributed cluster."""

from cnmf3d.batch.cluster.resources import Wanted
from cnmf3d.batch.cluster.scripts import template_text
from cnmf3d.batch.cluster.shell import export_shell
from cnmf3d.batch.cluster.slurm import export_slurm

__all__ = ["Wanted", "export_shell", "export_slurm", "template_text"]
