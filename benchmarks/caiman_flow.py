"""CaImAn's 3D CNMF on one movie, as its documentation has it; runs in the user's own CaImAn environment.

    /path/to/caiman/python caiman_flow.py SETTINGS.json

Prints one line of JSON: seconds of each stage. Nothing of cnmf3d is imported here.
"""

import json
import os
import sys
import time
from pathlib import Path


def main(settings: dict) -> None:
    """Memory map, fit in patches, refit if asked for, evaluate, save."""
    began = time.perf_counter()
    import caiman
    import tifffile
    from caiman.cluster import setup_cluster, stop_server
    from caiman.source_extraction.cnmf import cnmf, params

    times = {"import": time.perf_counter() - began}

    def stage(name: str) -> None:
        times[name] = time.perf_counter() - began - sum(times.values())

    _, cluster, processes = setup_cluster(
        backend="multiprocessing", n_processes=settings["processes"], single_thread=False
    )
    stage("cluster")
    folder = Path(settings["folder"])
    os.environ["CAIMAN_TEMP"] = str(folder)
    movie = tifffile.imread(settings["movie"]).transpose(0, 3, 2, 1)  # T, X, Y, Z
    mapped = caiman.save_memmap([movie], base_name=str(folder / "movie"), order="C", is_3D=True)
    del movie
    flat, dims, frames = caiman.load_memmap(mapped)
    images = flat.T.reshape((frames, *dims), order="F")
    stage("memmap")
    options = params.CNMFParams(params_dict=settings["parameters"])
    model = cnmf.CNMF(processes, params=options, dview=cluster)
    model.fit(images)
    stage("fit")
    if settings["refit"]:
        model = model.refit(images, dview=cluster)
        stage("refit")
    model.params.set("quality", settings["quality"])
    model.estimates.evaluate_components(images, model.params, dview=cluster)
    stage("evaluate")
    model.save(settings["output"])
    stage("save")
    stop_server(dview=cluster)
    print(json.dumps(times))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
