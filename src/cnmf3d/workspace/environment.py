"""ViewerWorkEnv: a movie with its metadata, ROIs and history; what the viewer shows and scripts work on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID as Uuid
from uuid import uuid4

from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.geometry import along_axes
from cnmf3d.movies import Movie, open_movie
from cnmf3d.movies.given import depth_given, refuse_unknown
from cnmf3d.movies.opening import OPTIONS
from cnmf3d.movies.sidecar import Sidecar
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.metadata import read_metadata
from cnmf3d.workspace.rois import RoiManager
from cnmf3d.workspace.sequence import Opened
from cnmf3d.workspace.sequence import Sequence as MovieSequence

METHODS = ("imread", "asarray", "asarray-multi")
"""Ways to load a TIFF that scripts name; here each of them reads lazily what is asked for."""


class ViewerWorkEnv:
    """A movie with everything that belongs to it. Without arguments it is empty.

    Parameters
    ----------
    imgdata : ImgData, optional
    sample_id : str
        Of the sample in a project.
    UUID : uuid.UUID or str, optional
        Of this environment; a new one where not given.
    stim_maps : mapping, optional
        When which stimulus was.
    roi_manager : RoiManager, optional
    comments : str
    history_trace : sequence of dict, optional
        What was done to the data, the oldest first: ``[{"cnmf_3d": {"parameters": ...}}]``.
    """

    def __init__(
        self,
        imgdata: ImgData | None = None,
        *,
        sample_id: str = "",
        UUID: Uuid | str | None = None,
        stim_maps: Mapping[str, Any] | None = None,
        roi_manager: RoiManager | None = None,
        comments: str = "",
        history_trace: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        self.imgdata = ImgData() if imgdata is None else imgdata
        self.sample_id = sample_id
        self.UUID = uuid4() if UUID is None else _uuid(UUID)
        self.stim_maps = None if stim_maps is None else dict(stim_maps)
        self.roi_manager = roi_manager
        self.comments = comments
        self.history_trace = list(history_trace or [])

    @classmethod
    def from_tiff(
        cls,
        path: str | Path,
        method: str = "imread",
        meta_path: str | Path | None = None,
        axes_order: str | None = None,
        meta_format: str | None = None,
    ) -> ViewerWorkEnv:
        """Open a TIFF file. Values are read where they are asked for.

        Parameters
        ----------
        path : path
        method : str
            ``imread``, ``asarray`` or ``asarray-multi``: all read the same here.
        meta_path : path, optional
            File with the metadata: `json_minimal` (``origin``, ``fps``, ``date`` as "YYYYMMDD_HHMMSS", and more) or
            OME-XML. It wins over what the file itself says.
        axes_order : str, optional
            Order of the axes in the file, the slowest first: ``"tzyx"``. None: as the file or the metadata say.
        meta_format : str, optional
            ``json_minimal`` or ``ome_xml``; by the file's content where it isn't given.

        Raises
        ------
        UsageError
            For a method, format or order of axes that there isn't.
        InputError
            Where a file can't be read, or a value in the metadata isn't what it should be.
        """
        if method not in METHODS:
            hint = f"{did_you_mean(str(method), METHODS)}It may be {', '.join(METHODS)}; all read the same here."
            raise UsageError(f"there is no method {method!r} to read a TIFF", hint)
        return cls.from_movie(path, meta_path=meta_path, meta_format=meta_format, axes=axes_order)

    @classmethod
    def from_movie(
        cls,
        source: str | Path | Sequence[str | Path] | Any,
        *,
        meta_path: str | Path | None = None,
        meta_format: str | None = None,
        **opening: Any,
    ) -> ViewerWorkEnv:
        """Open a movie of any known format.

        Parameters
        ----------
        source : path, list of paths, folder, pattern, URL or array
            As for `cnmf3d.open_movie`.
        meta_path, meta_format
            As for `from_tiff`.
        **opening
            Keywords of `cnmf3d.open_movie`, all of them. They win over the metadata.

        Raises
        ------
        UsageError, InputError
            As `cnmf3d.open_movie` and `from_tiff`.
        """
        refuse_unknown(opening, OPTIONS)
        if meta_path is None and meta_format is not None:
            raise UsageError(
                f"meta_format is {meta_format!r}, but there is no meta_path",
                "Give the file with the metadata, or leave meta_format out: what the movie says itself is always read.",
            )
        sidecar = Sidecar() if meta_path is None else read_metadata(meta_path, meta_format)
        keywords = {**_keywords(sidecar), **_given(opening)}
        if "voxel_size" in keywords and depth_given(keywords["voxel_size"]) is None:
            keywords["voxel_size"] = list(along_axes(keywords["voxel_size"], "voxel_size").xyz)
        itself = open_movie(source, **keywords)
        movie = _with(itself, sidecar)
        place = _plain(source) if movie.paths else None
        return cls(ImgData(MovieSequence(Opened(movie, place, keywords, _meta(itself))), _meta(movie)))

    @property
    def isEmpty(self) -> bool:
        """Whether there is no movie."""
        return self.imgdata.isEmpty

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about the movie."""
        if self.isEmpty:
            return ()
        told = self.imgdata.described.warnings
        return told if self.imgdata.rate is None else tuple(text for text in told if "not tell its rate" not in text)

    def check(self) -> None:
        """See that the metadata which a script may have changed can be used.

        Raises
        ------
        InputError
            Naming the value that can't be.
        """
        _ = self.imgdata.rate, self.imgdata.voxel_size

    def clear(self) -> None:
        """Let go of everything, and give its memory and files back."""
        self.imgdata.clear()
        if self.roi_manager is not None:
            self.roi_manager.clear()
        self.roi_manager, self.stim_maps = None, None
        self.sample_id, self.comments, self.UUID = "", "", uuid4()
        self.history_trace = []

    def __repr__(self) -> str:
        """Tell what is in it."""
        if self.isEmpty:
            return "<ViewerWorkEnv, empty>"
        rois = "" if self.roi_manager is None else f", {len(self.roi_manager)} ROIs"
        return f"<ViewerWorkEnv of {self.imgdata.shape} (t, z, y, x){rois}>"


def _uuid(value: Uuid | str) -> Uuid:
    try:
        return value if isinstance(value, Uuid) else Uuid(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{value!r} is no UUID", "Leave it out for a new one.") from error


def _given(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords without those that are None."""
    return {name: value for name, value in keywords.items() if value is not None}


def _keywords(sidecar: Sidecar) -> dict[str, Any]:
    """Keywords of `open_movie` that metadata stand for."""
    size = sidecar.facts.voxel_size
    known = None if size is None or math.isnan(size.z) else size
    cut = {"planes": sidecar.planes, "channels": sidecar.channels}
    return _given({"axes": sidecar.axes, **cut, "rate": sidecar.facts.rate, "voxel_size": known})


def _with(movie: Movie, sidecar: Sidecar) -> Movie:
    """The movie, with what the metadata say beside rate and voxel size."""
    warnings = tuple(dict.fromkeys((*movie.warnings, *sidecar.facts.warnings)))
    return replace(movie, metadata={**movie.metadata, **sidecar.facts.metadata}, warnings=warnings)


def _meta(movie: Movie) -> dict[str, Any]:
    """Everything that is known of a movie, as one dict that a script may change."""
    meta = dict(movie.metadata)
    if movie.rate is not None:
        meta["fps"] = movie.rate
    if movie.voxel_size is not None:
        meta["voxel_size"] = dict(zip("xyz", movie.voxel_size.xyz, strict=True))
    return meta


def _plain(source: Any) -> str | tuple[str, ...]:
    """Paths as text, as they were given."""
    return str(source) if isinstance(source, (str, Path)) else tuple(str(each) for each in source)
