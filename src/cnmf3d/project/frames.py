"""Tables of a project as pandas DataFrames: a row for each ROI, or for each sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d import plain_json
from cnmf3d.column_types import COPY
from cnmf3d.damage import explained
from cnmf3d.database import reading
from cnmf3d.errors import UsageError
from cnmf3d.garbage import uncollected
from cnmf3d.project import rows
from cnmf3d.project.columns import Column, Config, Kind, Type
from cnmf3d.project.curves import Curve, kind_of
from cnmf3d.project.filters import kept, read_filters
from cnmf3d.project.patch import config_of
from cnmf3d.project.sample import Sample
from cnmf3d.project.schema import FILE
from cnmf3d.project.stimuli import StimulusMap

if TYPE_CHECKING:
    import pandas as pd
    from pandas import DataFrame

    from cnmf3d.project.store import Project

MEASURES = ("x_um", "y_um", "z_um")
METRICS = (
    "snr", "r_value", "reliability", "skewness", "compactness", "smoothness", "width", "aspect", "soma",
    "p_cell", "red", "red_z", "motion_r", "double", "seen", "decay", "rise", "noise",
)  # fmt: skip


def pandas() -> ModuleType:
    """Import pandas.

    Raises
    ------
    UsageError
        Where it isn't installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise UsageError("tables need pandas, which is not installed", "pip install 'cnmf3d[project]'") from error
    return pandas


def samples_frame(project: Project) -> pd.DataFrame:
    """A row for each sample.

    Parameters
    ----------
    project : Project

    Returns
    -------
    DataFrame
        ``sample`` (animal/trial), ``animal``, ``trial``, ``date``, stimuli (their names), custom columns, ``rois``,
        ``accepted``, ``frames``, ``rate``, ``comments``, ``added``, ``changed``, ``uuid``.
    """
    with reading(project.engine) as connection:
        config, samples = config_of(connection), rows.all_samples(connection)
    columns = _of_samples(config, samples)
    told = {
        "rois": np.array([each.rois for each in samples], np.int64),
        "accepted": np.array([each.accepted for each in samples], np.int64),
        "frames": np.array([each.frames for each in samples], np.int64),
        "rate": np.array([each.rate for each in samples], np.float64),
    }
    last = {name: columns.pop(name) for name in ("comments", "added", "changed", "uuid")}
    frame: pd.DataFrame = pandas().DataFrame({**columns, **told, **last})
    return frame


def rois_frame(project: Project, *, where: Sequence[str] = (), curves: Sequence[str] = ()) -> pd.DataFrame:
    """A row for each ROI.

    Parameters
    ----------
    project : Project
    where : sequence of str
        Filters that rows must pass: ``"cell type: pyr|PV"``, ``"snr > 5"``.
    curves : sequence of str
        Kinds of curves to add as columns: ``raw``, ``dff``, ``denoised``, ``spikes``; ``raw_channel1`` and so on of
        another functional channel. They are read when they are used: ``numpy.asarray(row["dff"])``.

    Returns
    -------
    DataFrame
        ``sample`` (animal/trial), ``animal``, ``trial``, ``date``, ``roi``, ``accepted``, tags,
        stimuli (their names), custom columns, ``x_um``, ``y_um``, ``z_um``, metrics, ``comments``, ``uuid``.

    Raises
    ------
    UsageError
        For kinds that there aren't, and filters that can't be meant.
    """
    for kind in curves:
        kind_of(kind)
    with uncollected():
        with reading(project.engine) as connection:
            config, samples = config_of(connection), rows.all_samples(connection)
            table = rows.roi_table(connection)
        with explained(project.folder / FILE, "a project's table of ROIs", COPY):
            frame = _assembled(config, samples, table)
    for text in where:
        frame = kept(frame, read_filters(frame, text))
    frame = frame.reset_index(drop=True)
    for kind in curves:
        pairs = zip(frame["uuid"], frame["roi"].tolist(), strict=True)
        lazy = [Curve(project, uuid, roi, kind) for uuid, roi in pairs]
        frame[kind] = pandas().Series(lazy, index=frame.index, dtype=object)
    return frame


def _assembled(config: Config, samples: Sequence[Sample], table: Sequence[Any]) -> DataFrame:
    """Put the rows of ROIs beside those of their samples."""
    pd = pandas()
    number = {each.uuid: n for n, each in enumerate(samples)}
    uuids, ids, accepted, x, y, z, metrics, tags = zip(*table, strict=True) if table else [()] * 8
    order = np.array([number[uuid] for uuid in uuids], np.int64)
    of_samples = {name: values.take(order) for name, values in _of_samples(config, samples).items()}
    roi: dict[str, Any] = {"roi": np.array(ids, np.int64), "accepted": np.array(accepted, bool)}
    told = _parsed(tags)
    for name in config.names(Kind.ROI):
        roi[name] = pd.array([each.get(name, "") for each in told], dtype="str")
    places = {name: np.array(values, np.float64) for name, values in zip(MEASURES, (x, y, z), strict=True)}
    measured = _parsed(metrics)
    names = sorted({name for each in measured for name in each}, key=lambda name: (_rank(name), name))
    taken = {*of_samples, *roi, *places}
    quality = {
        (f"{name} (metric)" if name in taken else name): np.array([each.get(name) for each in measured], np.float64)
        for name in names
    }
    head = {name: of_samples.pop(name) for name in ("sample", "animal", "trial", "date")}
    last = {name: of_samples.pop(name) for name in ("comments", "uuid")}
    for name in ("added", "changed"):
        of_samples.pop(name)
    frame: DataFrame = pd.DataFrame({**head, **roi, **of_samples, **places, **quality, **last})
    return frame


def _rank(metric: str) -> int:
    """Place of a metric among others: those that every run has are first."""
    return METRICS.index(metric) if metric in METRICS else len(METRICS)


def _parsed(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Many JSON objects at once."""
    return plain_json.loads(f"[{','.join(texts)}]")  # type: ignore[no-any-return]


def _of_samples(config: Config, samples: Sequence[Sample]) -> dict[str, Any]:
    """Columns of samples as pandas arrays."""
    pd = pandas()

    def texts(values: Iterable[str]) -> Any:
        return pd.array(list(values), dtype="str")

    infos = [each.info for each in samples]
    out = {
        "sample": texts(each.id for each in infos),
        **{name: texts(getattr(each, name) for each in infos) for name in ("animal", "trial", "date")},
    }
    for name in config.names(Kind.STIMULUS):
        out[name] = texts(", ".join(each.stimuli.get(name, StimulusMap()).names) for each in infos)
    for column in config.of(Kind.CUSTOM):
        out[column.name] = _custom(column, [each.custom.get(column.name) for each in infos])
    out["comments"] = texts(each.comments for each in infos)
    return out | {name: texts(getattr(each, name) for each in samples) for name in ("added", "changed", "uuid")}


def _custom(column: Column, values: list[Any]) -> Any:
    """Values of a custom column; texts that aren't known are empty."""
    pd = pandas()
    match column.type:
        case Type.TEXT:
            return pd.array(["" if value is None else value for value in values], dtype="str")
        case Type.WHOLE:
            return pd.array([pd.NA if value is None else value for value in values], dtype="Int64")
        case Type.DECIMAL:
            return pd.array(np.array([np.nan if value is None else value for value in values], np.float64))
        case Type.BOOL:
            return pd.array([pd.NA if value is None else value for value in values], dtype="boolean")
