"""Flags that several commands share: frozen dataclasses whose fields become options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

if TYPE_CHECKING:
    from cnmf3d.movies import Movie
    from cnmf3d.parameters import CnmfParameters

FIND, TRACES, JUDGE, RUNNING, MOVING = "Finding cells", "Traces", "Judging", "Running", "Registration"

MoviePaths = Annotated[
    list[str], typer.Argument(metavar="MOVIE", help="A file, a folder, a pattern, a URL; or several files in order.")
]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
StimuliIn = Annotated[Literal["seconds", "frames"], typer.Option(help="What start and end of stimuli are.")]


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command's arguments that are dataclasses into one option for each of their fields.

    Parameters
    ----------
    command : callable
        A typer command; an argument annotated with a dataclass receives an instance of it.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)}
    flat: list[inspect.Parameter] = []
    for name, each in own.items():
        flat += _options(groups[name]) if name in groups else [each.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    def spread(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    spread.__name__, spread.__doc__, spread.__module__ = command.__name__, command.__doc__, command.__module__
    spread.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    spread.__annotations__ = {each.name: each.annotation for each in flat}
    return spread


def _options(group: Any) -> list[inspect.Parameter]:
    """Fields of a dataclass as arguments of a function."""
    types = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=types[field.name],
        )
        for field in fields(group)
    ]


@dataclass(frozen=True)
class MovieFlags:
    """How to open a movie."""

    axes: Annotated[
        str | None,
        typer.Option(metavar="ORDER", help="Order of the axes in the file, the slowest first: tzyx, tzcyx, ..."),
    ] = None
    fps: Annotated[float | None, typer.Option("--fps", "--fr", metavar="HZ", help="Volumes a second.")] = None
    voxel_size: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Size of a voxel in µm; z=15 for the distance of planes alone.")
    ] = None
    channel: Annotated[int | None, typer.Option(min=0, help="Which channel, from 0, where there are several.")] = None
    dataset: Annotated[str | None, typer.Option(help="Which array of a file that holds several.")] = None
    planes: Annotated[
        int | None, typer.Option(min=1, help="Planes a volume, where the file is a flat list of pages.")
    ] = None
    channels: Annotated[
        int | None, typer.Option(min=1, help="Channels of each plane, where the file is a flat list of pages.")
    ] = None
    plane_order: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...", help="Planes in the order of depth, from 0 (light beads: channels are planes)."
        ),
    ] = None
    dropped: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="ScanImage volumes that lack planes: leave-out, nan or interpolate."),
    ] = None
    frames_per_slice: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="ScanImage planes recorded several times: mean, or apart."),
    ] = None
    plane_times: Annotated[
        str | None,
        typer.Option(
            metavar="S,S,...",
            help="Seconds of each plane since its volume began, or one number from plane to plane; none: all at once.",
        ),
    ] = None
    motion: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Register it as it is read: a motion file, or shifts of CaImAn or Suite2p (ops.npy)."
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """What was given, as `open_movie` calls it."""
        size: Any = self.voxel_size  # "z=15": the distance of planes alone
        if size is not None and "=" not in size:
            size = numbers(size, "--voxel-size")
        told = {
            "axes": self.axes,
            "rate": self.fps,
            "voxel_size": size,
            "channel": self.channel,
            "dataset": self.dataset,
            "planes": self.planes,
            "channels": self.channels,
            "plane_order": self.plane_order,
            "dropped": self.dropped,
            "frames_per_slice": self.frames_per_slice,
            "plane_times": self.plane_times,
            "motion": None if self.motion is None else str(self.motion.resolve()),  # a batch opens it from elsewhere
        }
        return {name: value for name, value in told.items() if value is not None}

    def of_functional(self, parameters: CnmfParameters) -> MovieFlags:
        """These, with the channel in which cells are found: as given, or else the first functional one."""
        first = parameters.data.functional[:1]
        return self if self.channel is not None or not first else replace(self, channel=first[0])

    def opened(self, paths: list[str]) -> Movie:
        """Open the movie that these files are."""
        from cnmf3d.movies import open_movie

        return open_movie(paths[0] if len(paths) == 1 else [Path(path) for path in paths], **self.keywords())


@dataclass(frozen=True)
class ParameterFlags:
    """What to look for, and how."""

    params: Annotated[Path | None, typer.Option(help="Parameters: a .json, .yaml or .toml file.")] = None
    kwargs: Annotated[
        str | None, typer.Option(metavar="TEXT", help='More parameters as text: "K=5, gSig=(4,4,2)", or JSON.')
    ] = None
    gsig: Annotated[
        str | None,
        typer.Option("--gsig", metavar="X,Y,Z", help="Half-size of a cell, or auto.", rich_help_panel=FIND),
    ] = None
    k: Annotated[
        str | None, typer.Option("--k", metavar="N", help="Most components in a patch.", rich_help_panel=FIND)
    ] = None
    rf: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Half the side of a patch.", rich_help_panel=FIND)] = (
        None
    )
    stride: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Overlap of patches.", rich_help_panel=FIND)] = (
        None
    )
    um: Annotated[bool, typer.Option("--um", help="gsig, rf and stride are in µm.", rich_help_panel=FIND)] = False
    nb: Annotated[
        str | None,
        typer.Option(metavar="N", help="Neuropil time courses of each patch, or auto.", rich_help_panel=FIND),
    ] = None
    merge_thr: Annotated[
        float | None, typer.Option(help="Correlation of traces above which components merge.", rich_help_panel=FIND)
    ] = None
    seeds: Annotated[
        Path | None, typer.Option(help="Footprints or labels to start from (CaImAn's Ain).", rich_help_panel=FIND)
    ] = None
    refit: Annotated[
        bool | None,
        typer.Option("--refit/--no-refit", help="Fit again with accepted components.", rich_help_panel=FIND),
    ] = None
    p: Annotated[
        int | None,
        typer.Option(
            "--p", min=0, max=2, help="Model of calcium: 0 none, 1 decay, 2 rise and decay.", rich_help_panel=TRACES
        ),
    ] = None
    decay_time: Annotated[
        str | None, typer.Option(metavar="S", help="Decay time of calcium in seconds, or auto.", rich_help_panel=TRACES)
    ] = None
    offset: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE", help="Value of a pixel without light, for dF/F, or auto.", rich_help_panel=TRACES
        ),
    ] = None
    align_planes: Annotated[
        bool | None,
        typer.Option(
            "--align-planes", help="Bring traces to the time at which their volume begins.", rich_help_panel=TRACES
        ),
    ] = None
    segments: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMES",
            help="First frames of trials: 0,500,1000, or a text file with them; none: the movie is one stretch, though "
            "it has several files.",
            rich_help_panel=TRACES,
        ),
    ] = None
    exclude: Annotated[
        str | None,
        typer.Option(
            metavar="RULE|FILE",
            help='Frames to leave out: "mean > 3000", "channel1 > 500", or a file of numbers or of a mask.',
            rich_help_panel=TRACES,
        ),
    ] = None
    structural: Annotated[
        int | None,
        typer.Option(min=0, metavar="CHANNEL", help="A structural label: which cells have it.", rich_help_panel=TRACES),
    ] = None
    functional: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNELS",
            help="Traces of these channels on the same cells, which are found in the first: 0,1.",
            rich_help_panel=TRACES,
        ),
    ] = None
    min_snr: Annotated[
        float | None, typer.Option(help="Trace SNR from which a cell is accepted.", rich_help_panel=JUDGE)
    ] = None
    rval_thr: Annotated[
        float | None,
        typer.Option(help="Correlation in space (r value) from which a cell is accepted.", rich_help_panel=JUDGE),
    ] = None

    def parameters(self, changes: dict[str, Any] | None = None) -> CnmfParameters:
        """File, then text, then flags, then `changes`: the later one wins.

        Parameters
        ----------
        changes : dict, optional
            Names as `read_parameters` knows them.
        """
        return combined([*self.parts(), changes or {}])

    def parts(self) -> list[Mapping[str, Any]]:
        """What the file, the text and the flags say."""
        from cnmf3d.parameters import read_text
        from cnmf3d.parameters.reading import content_of

        return [content_of(self.params), {} if self.kwargs is None else read_text(self.kwargs), self._given()]

    def _given(self) -> dict[str, Any]:
        """Values of the flags that were given, under the parameters' names."""
        told = {
            "gSig": _lengths(self.gsig, "--gsig"),
            "K": _number(self.k),
            "rf": _lengths(self.rf, "--rf"),
            "stride": _lengths(self.stride, "--stride"),
            "lengths": "um" if self.um else None,
            "nb": _number(self.nb),
            "merge_thr": self.merge_thr,
            "seeds": None if self.seeds is None else str(self.seeds),
            "refit": self.refit,
            "p": self.p,
            "decay_time": _number(self.decay_time),
            "offset": _number(self.offset),
            "align_planes": self.align_planes,
            "segments": self.segments,
            "exclude": self.exclude,
            "structural": self.structural,
            "functional": self.functional,
            "min_SNR": self.min_snr,
            "rval_thr": self.rval_thr,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class MotionFlags:
    """How motion is estimated."""

    max_shifts: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Largest rigid shift in voxels.", rich_help_panel=MOVING)
    ] = None
    strides: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Distance from one patch to the next.", rich_help_panel=MOVING)
    ] = None
    max_deviation: Annotated[
        str | None,
        typer.Option(metavar="X,Y,Z", help="Largest shift of a patch beside the rigid one.", rich_help_panel=MOVING),
    ] = None

    def changes(self) -> dict[str, Any]:
        """What was given, under the parameters' names."""
        told = {
            "max_shifts": _lengths(self.max_shifts, "--max-shifts"),
            "strides": _lengths(self.strides, "--strides"),
            "max_deviation_rigid": _lengths(self.max_deviation, "--max-deviation"),
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class FrameFlags:
    """Which frames show nothing that can be used."""

    bad_frames: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMES|FILE", help='Frames to leave out: "17,20-24", none, bad_frames.npy, or a text file.'
        ),
    ] = None

    def changes(self, frames: int) -> dict[str, Any]:
        """What was given, under the parameter's name.

        Parameters
        ----------
        frames : int
            Volumes of the movie.

        Raises
        ------
        UsageError, InputError
            For what names no frames of the movie.
        """
        if self.bad_frames is None or self.bad_frames == "auto":
            return {}
        return {"bad_frames": _frames(self.bad_frames, frames)}


def _frames(text: str, frames: int) -> tuple[int, ...]:
    """Frame numbers from text or a file."""
    from cnmf3d.errors import UsageError
    from cnmf3d.parameters.frames import NONE, frames_in_file, frames_in_text

    if text.strip().lower() in NONE:
        return ()
    if Path(text).suffix or Path(text).exists():
        return tuple(frames_in_file(Path(text), frames).tolist())
    try:
        chosen = frames_in_text(text)
    except ValueError as error:
        raise UsageError(f"--bad-frames is {text!r}", f"Write {error}.") from error
    outside = [each for each in chosen if each >= frames]
    if outside:
        raise UsageError(f"--bad-frames has {outside[0]}", f"The movie has frames from 0 to {frames - 1}.")
    return chosen


def combined(parts: Sequence[Mapping[str, Any]]) -> CnmfParameters:
    """Parameters from a file's content, text, flags and changes: the later one wins.

    Parameters
    ----------
    parts : sequence of mappings
        Four; see `ParameterFlags.parts`.
    """
    from cnmf3d.parameters import read_parameters

    content, text, given, changes = parts
    told = read_parameters(content, **{**text, **given})
    return read_parameters(told, **changes) if changes else told


def numbers(text: str, name: str) -> tuple[float, ...]:
    """One number or several, with commas between: ``4`` or ``4,4,2``."""
    from cnmf3d.errors import UsageError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{name} is {text!r}", f"Write numbers with commas between them: {name} 4,4,2.") from None


def _lengths(text: str | None, name: str) -> Any:
    """Lengths along x, y, z; auto and none as words."""
    if text is None or text.lower() in ("auto", "none"):
        return None if text is None else text.lower()
    values = numbers(text, name)
    return values[0] if len(values) == 1 else values


def _number(text: str | None) -> int | float | str | None:
    """A number where it is one, whole where it is written so; else the text, for the parameters to judge."""
    if text is None:
        return None
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text
