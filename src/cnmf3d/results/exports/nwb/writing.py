"""Results as an NWB file, through pynwb."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d.errors import InputError, UsageError
from cnmf3d.hdf5 import written
from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.exports.nwb import names
from cnmf3d.results.exports.nwb.metadata import Metadata, metadata_of, missing
from cnmf3d.results.exports.nwb.parts import add_curation, add_images, add_provenance, add_segments, add_stimuli
from cnmf3d.results.exports.nwb.tables import add_background, add_segmentation, fill_masks
from cnmf3d.results.model import Results
from cnmf3d.stored_names import readable

MICRO = 1e-6


def write_nwb(export: Export, path: Path) -> tuple[str, ...]:
    """Write an NWB file.

    Parameters
    ----------
    export : Export
        Its metadata are those of `cnmf3d.results.exports.nwb.metadata`.
    path : Path

    Returns
    -------
    tuple of str
        What archives want that wasn't given.

    Raises
    ------
    UsageError
        Where pynwb isn't installed, or metadata are missing or wrong.
    InputError
        For results without ROIs or rate, which NWB can't hold.
    """
    metadata = metadata_of(export.metadata)
    results = export.results
    if results.components.count == 0 or results.components.frames == 0:
        raise InputError("the results have no ROIs with traces, and NWB can't hold empty tables", "Nothing to export.")
    if not results.rate > 0:
        fix = "Say it: cnmf3d import caiman RESULTS NEW.hdf5 --fps 5, and export NEW.hdf5."
        raise InputError("the results don't say their rate, which NWB requires", fix)
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise UsageError("export nwb needs pynwb", "Install it: pip install 'cnmf3d[nwb]'.") from error
    path.touch()
    with written(path) as whole, NWBHDF5IO(file=whole, mode="w") as io:
        io.write(_file(export, metadata))
    fill_masks(path, results.components)
    return _notes(metadata, results)


def _notes(metadata: Metadata, results: Results) -> tuple[str, ...]:
    notes = []
    if wanted := missing(metadata):
        notes.append(f"DANDI and nwbinspector also want {', '.join(wanted)}: give them with --metadata or --set.")
    if results.voxel_size is None:
        notes.append("The size of a voxel isn't known, so the imaging plane has no grid spacing.")
    return tuple(notes)


def _file(export: Export, metadata: Metadata) -> Any:
    """The whole file as pynwb's objects."""
    file = _session(export.results, metadata)
    plane = _plane(file, export.results, metadata)
    module = file.create_processing_module(names.MODULE, "ROIs found by cnmf3d: footprints, traces and their quality")
    segmentation = add_segmentation(module, plane, export)
    _traces(module, segmentation, export.results)
    add_background(module, plane, export.results)
    add_images(module, export.results)
    add_provenance(module, export)
    add_curation(module, export.log)
    add_stimuli(file, export.stimuli)
    add_segments(file, export.results)
    return file


def _session(results: Results, metadata: Metadata) -> Any:
    """An empty file with what is known of session and subject."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    given = metadata.session.model_dump(exclude={"session_description", "identifier"}, exclude_none=True)
    given = {name: value for name, value in given.items() if value != ()}
    paths = results.provenance.input_paths
    movie = readable(Path(paths[0]).name) if paths else "a movie"
    versions = results.provenance.versions
    file = NWBFile(
        session_description=metadata.session.session_description or f"Volumetric calcium imaging: {movie}",
        identifier=metadata.session.identifier or str(uuid.uuid4()),
        was_generated_by=[[name, version] for name, version in versions.items()] or None,
        **given,
    )
    if metadata.subject is not None:
        file.subject = Subject(**metadata.subject.model_dump(exclude_none=True))
    return file


def _plane(file: Any, results: Results, metadata: Metadata) -> Any:
    """The imaged volume; lengths in metres, in the order x, y, z."""
    from pynwb.ophys import OpticalChannel

    imaging, size = metadata.imaging, results.voxel_size
    channel = OpticalChannel(
        name="OpticalChannel", description="calcium indicator", emission_lambda=imaging.emission_lambda
    )
    return file.create_imaging_plane(
        name="ImagingPlane",
        description=imaging.plane_description,
        device=file.create_device(name=imaging.device, description=imaging.device_description),
        optical_channel=channel,
        excitation_lambda=imaging.excitation_lambda,
        indicator=imaging.indicator,
        location=imaging.location,
        imaging_rate=float(results.rate),
        reference_frame=imaging.reference_frame,
        origin_coords=None if imaging.origin is None else [MICRO * length for length in imaging.origin],
        origin_coords_unit="meters",
        grid_spacing=None if size is None else [MICRO * length for length in size.xyz],
        grid_spacing_unit="meters",
    )


def _traces(module: Any, segmentation: Any, results: Results) -> None:
    """Every kind of trace, time first."""
    from pynwb.ophys import DfOverF, Fluorescence

    components = results.components
    values = {
        "Raw": components.raw,
        "Denoised": components.traces,
        "Residuals": components.residuals,
        "Deconvolved": components.spikes,
    }
    rows = segmentation.create_roi_table_region(
        region=list(range(components.count)), description="every row of the segmentation"
    )
    fluorescence = Fluorescence()
    module.add(fluorescence)
    for name, text in names.TRACES.items():
        fluorescence.add_roi_response_series(series(name, values[name], rows, results, text))
    for channel, traced in components.channels.items():
        for name, field in names.CHANNEL_TRACES.items():
            text = f"{names.TRACES.get(name, 'dF/F of the raw trace')}; of {channel}, on the same footprints"
            value = getattr(traced, field)
            fluorescence.add_roi_response_series(series(f"{name}_{channel}", value, rows, results, text))
    if components.seen is not None:
        text = "share of the footprint's light that a volume shows; traces are NaN where it is hardly any"
        fluorescence.add_roi_response_series(series(names.SEEN, components.seen, rows, results, text))
    for field, (name, text) in names.ERRORS.items():
        if components.has(field):
            fluorescence.add_roi_response_series(series(name, getattr(components, field), rows, results, text))
    ratio = DfOverF()
    module.add(ratio)
    rule = components.resting
    drift = "" if rule.percentile is None else f", following percentile {rule.percentile:g} of {rule.window} volumes"
    text = (
        f"dF/F = (F - F0) / F0 of the raw trace; F0 is {names.F0_LIGHT[rule.light]} seen through the footprint, above "
        f"the detector's offset of {rule.offset:.6g}{drift}; NaN where F0 is not clearly above zero"
    )
    ratio.add_roi_response_series(series(names.DFF, components.dff, rows, results, text))


def series(name: str, values: np.ndarray[Any, Any], rows: Any, results: Results, text: str) -> Any:
    """One series, (time, ROI), compressed; the unit of a ratio is 1, everything else has the movie's.

    Volumes that are evenly spaced have a rate, others time stamps.
    """
    from hdmf.backends.hdf5.h5_utils import H5DataIO
    from pynwb.ophys import RoiResponseSeries

    data = values.T
    chunks = (min(data.shape[0], 4096), min(data.shape[1], 64))
    return RoiResponseSeries(
        name=name,
        data=H5DataIO(data, compression="gzip", compression_opts=1, shuffle=True, chunks=chunks),
        rois=rows,
        unit="n.a." if name == names.SEEN or name.startswith(names.DFF) else "a.u.",
        **(
            {"rate": float(results.rate), "starting_time": 0.0}
            if results.timeline.even
            else {"timestamps": results.seconds}
        ),
        description=text,
    )


EXPORTER = Exporter(
    "nwb",
    "Neurodata Without Borders, for DANDI, pynwb and MatNWB",
    write_nwb,
    (".nwb",),
    takes=frozenset({"metadata", "stimuli"}),
)
