import multiprocessing
import os
from pathlib import Path


def setup_cluster(backend, n_processes, single_thread):
    assert backend == "multiprocessing" and single_thread is False
    pool = multiprocessing.get_context("fork").Pool(n_processes)
    if "STANDIN_PIDS" in os.environ:
        pids = [os.getpid(), *(process.pid for process in multiprocessing.active_children())]
        Path(os.environ["STANDIN_PIDS"]).write_text(" ".join(map(str, pids)))
    return None, pool, n_processes


def stop_server(dview):
    dview.terminate()
    dview.join()
