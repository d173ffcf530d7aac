"""Every TIFF of a folder into a batch, with three variants of the parameters.

cnmf3d script cnmf_3d.py RECORDINGS --batch BATCH
cnmf3d batch run BATCH
"""

import sys


def fresh_params():
    """Parameters to start from, for each file anew."""
    return {
        "cnmf_kwargs": {"p": 2, "merge_thresh": 0.8, "k": 50, "gSig": (10, 10, 1), "gSiz": (41, 41, 4)},
        "eval_kwargs": {"min_SNR": 3.0, "rval_thr": 0.75, "decay_time": 1.0},
        "refit": True,
        "use_patches": False,
        "use_memmap": False,
        "memmap_uuid": None,
        "keep_memmap": False,
    }


cnmf_3d = get_module("cnmf_3d", hide=True)
recordings = sorted(glob(os.path.join(sys.argv[1], "*.tiff")))

for number, recording in enumerate(recordings, 1):
    print(f"{number} of {len(recordings)}: {recording}")
    name = os.path.splitext(recording)[0]

    # The recording with its metadata becomes the work environment, whose movie add_to_batch takes.
    vi.viewer.workEnv = ViewerWorkEnv.from_tiff(
        path=recording, method="imread", meta_path=name + ".json", axes_order=None
    )
    vi.update_workEnv()

    params = fresh_params()
    params["item_name"] = os.path.basename(name)
    first = cnmf_3d.add_to_batch(params)

    # The same recording with larger cells; it uses what the first item has read.
    params["cnmf_kwargs"]["gSig"] = (12, 12, 1)
    params["eval_kwargs"]["min_SNR"] = 2.5
    params["use_memmap"] = True
    params["memmap_uuid"] = str(first)
    cnmf_3d.add_to_batch(params)

    # And a lower threshold.
    params["eval_kwargs"]["min_SNR"] = 2.0
    cnmf_3d.add_to_batch(params)
