"""Recordings on disk as the programs of microscope makers leave them, written from their formats' descriptions.

All take (T, Z, C, Y, X) values of 16 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import tifffile
from scipy.io import savemat
from zeiss_files import write_zeiss

PERIOD = 0.05
"""Seconds a frame."""


def write_bruker(
    folder: Path,
    values: np.ndarray,
    *,
    paged: bool = False,
    both_ways: bool = False,
    depths: Sequence[float] | None = None,
    stop: int | None = None,
    date: tuple[str, str] = ("", ""),
) -> Path:
    """Prairie View: a TIFF for each frame, or one for each cycle with the planes as pages; both may stop early."""
    times, planes, channels = values.shape[:3]
    depths = [10.0 * z for z in range(planes)] if depths is None else depths
    cycles, frame = [], 0
    for t in range(times):
        order = range(planes) if not both_ways or t % 2 == 0 else range(planes - 1, -1, -1)
        frames = []
        for number, z in enumerate(order):
            files = []
            for c in range(channels):
                name = f"r_Cycle{t + 1:05d}_Ch{c + 1}_{1 if paged else number + 1:06d}.ome.tif"
                page = f'page="{number + 1}" ' if paged else ""
                pages = values[t, : number + 1, c] if paged else values[t, z, c]
                files.append(f'<File channel="{c + 1}" channelName="Ch{c + 1}" {page}filename="{name}" />')
                if stop is None or frame < stop:
                    tifffile.imwrite(folder / name, pages, metadata=None)
            depth = (
                '<PVStateShard><PVStateValue key="positionCurrent"><SubindexedValues index="ZAxis">'
                f'<SubindexedValue subindex="0" value="100" /><SubindexedValue subindex="1" value="{depths[z]}" />'
                "</SubindexedValues></PVStateValue></PVStateShard>"
            )
            frames.append(
                f'<Frame absoluteTime="{2 + frame * PERIOD}" index="{number + 1}">{"".join(files)}{depth}</Frame>'
            )
            frame += 1
        cycles.append(
            f'<Sequence type="TSeries ZSeries Element" time="{date[1]}" bidirectionalZ="{both_ways}">'
            f"{''.join(frames)}</Sequence>"
        )
    path = folder / "r.xml"
    size = "".join(f'<IndexedValue index="{axis}Axis" value="{um}" />' for axis, um in (("X", 1.5), ("Y", 2), ("Z", 7)))
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<PVScan version="5.6"' + f' date="{date[0]}"><PVStateShard>'
        f'<PVStateValue key="micronsPerPixel">{size}</PVStateValue></PVStateShard>{"".join(cycles)}</PVScan>',
        encoding="utf-8-sig",
    )
    return path


def write_thor(
    folder: Path, values: np.ndarray, *, flyback: int = 0, raw: bool = True, asked: int | None = None
) -> Path:
    """ThorImage: a raw file with the planes of the flyback last, or a TIFF for each image."""
    times, planes, channels, height, width = values.shape
    waves = "".join(f'<Wavelength name="Chan{"ABCD"[c]}" />' for c in range(channels))
    frames = (times if asked is None else asked) * (planes + flyback)
    fast = f'<Streaming enable="1" frames="{frames}" zFastEnable="{int(planes > 1)}" flybackFrames="{flyback}" />'
    path = folder / "Experiment.xml"
    path.write_text(
        f'<?xml version="1.0"?><ThorImageExperiment><Date date="05/05/2020" /><Wavelengths>{waves}</Wavelengths>'
        f'<ZStage steps="{planes}" stepSizeUM="-15" enable="1" /><Timelapse timepoints="{times}" />'
        f'<LSM pixelX="{width}" pixelY="{height}" pixelSizeUM="0.6" frameRate="60" averageMode="0" averageNum="4" />'
        f'{fast}<CaptureMode mode="1" /></ThorImageExperiment>'
    )
    if raw:
        back = np.full((times, flyback, channels, height, width), 65535, np.uint16)
        np.concatenate([values, back], axis=1).astype("<u2").tofile(folder / "Image_0001_0001.raw")
        np.zeros((height, width), "<u2").tofile(folder / "ROIMask.raw")
        tifffile.imwrite(folder / "ChanA_Preview.tif", values[0, 0, 0])
    else:
        for t, z, c in np.ndindex(values.shape[:3]):
            tifffile.imwrite(folder / f"Chan{'ABCD'[c]}_0001_0001_{z + 1:04d}_{t + 1:04d}.tif", values[t, z, c])
    return path


def write_scanbox(folder: Path, values: np.ndarray, *, both_ways: bool = False) -> Path:
    """Scanbox: what is stored falls as light rises; channels run fastest."""
    _, planes, channels, height, width = values.shape
    path = folder / "mouse_000_001.sbx"
    (65535 - values.astype(np.int64)).astype("<u2").transpose(0, 1, 3, 4, 2).tofile(path)
    info = {
        "sz": np.array([height, width], float),
        "channels": 1 if channels == 2 else 2,
        "resfreq": 8000.0,
        "scanmode": 0 if both_ways else 1,
        "volscan": int(planes > 1),
        "otwave": np.arange(planes, dtype=float) if planes > 1 else np.zeros(0),
    }
    savemat(path.with_suffix(".mat"), {"info": info})
    return path


def write_femtonics(folder: Path, values: np.ndarray, *, units: int = 1) -> Path:
    """Femtonics: movies of one plane, stored upside down in brightness; further units hold other values."""
    path = folder / "m.mesc"

    def codes(text: str) -> np.ndarray:
        return np.array([*map(ord, text), 0], np.int16)

    with h5py.File(path, "w") as file:
        for unit in range(units):
            group = file.create_group(f"MSession_0/MUnit_{unit}")
            for axis, scale, name in (("X", 1.5, "µm"), ("Y", 2.0, "µm"), ("Z", 50.0, "ms")):
                group.attrs[f"{axis}AxisConversionConversionLinearScale"] = scale
                group.attrs[f"{axis}AxisConversionUnitName"] = codes(name)
            for c in range(values.shape[2]):
                group.attrs[f"Channel_{c}_Name"] = codes(("UG", "UR")[c])
                group.attrs[f"Channel_{c}_Conversion_ConversionLinearScale"] = -1.0
                group.attrs[f"Channel_{c}_Conversion_ConversionLinearOffset"] = 65535.0
                group[f"Channel_{c}"] = (65535 - unit - values[:, 0, c].astype(np.int64)).astype(np.uint16)
    return path


def write_imaris(folder: Path, values: np.ndarray) -> Path:
    """Imaris: volumes padded to whole chunks, texts as arrays of characters."""
    times, planes, channels, height, width = values.shape
    path = folder / "i.ims"

    def text(said: object) -> np.ndarray:
        return np.frombuffer(str(said).encode(), "S1")

    with h5py.File(path, "w") as file:
        for t, c in np.ndindex(times, channels):
            group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {c}")
            for axis, size in zip("ZYX", (planes, height, width), strict=True):
                group.attrs[f"ImageSize{axis}"] = text(size)
            padded = np.pad(values[t, :, c], ((0, 1), (0, 2), (0, 3)))
            group.create_dataset("Data", data=padded, chunks=padded.shape, compression="gzip")
            half = values[t, :, c, ::2, ::2]
            file.create_group(f"DataSet/ResolutionLevel 1/TimePoint {t}/Channel {c}")["Data"] = half
        image = file.create_group("DataSetInfo/Image")
        image.attrs["Unit"] = text("um")
        for number, (size, um) in enumerate(((width, 1.5), (height, 2.0), (planes, 10.0))):
            image.attrs[f"ExtMin{number}"], image.attrs[f"ExtMax{number}"] = text(5), text(5 + size * um)
        stamps = file.create_group("DataSetInfo/TimeInfo")
        for t in range(times):
            stamps.attrs[f"TimePoint{t + 1}"] = text(f"2026-01-31 12:00:{t * 0.2:06.3f}")
        for c in range(channels):
            file.create_group(f"DataSetInfo/Channel {c}").attrs["Name"] = text(("green", "red")[c])
    return path


def write_bdv(folder: Path, values: np.ndarray, *, pattern: str = "") -> Path:
    """BigDataViewer: an XML file and HDF5 with signed numbers for unsigned ones."""
    times, planes, channels, height, width = values.shape
    with h5py.File(folder / "b.h5", "w") as file:
        for t, c in np.ndindex(times, channels):
            file[f"t{t:05d}/s{c:02d}/0/cells"] = values[t, :, c].view(np.int16)
    setups = "".join(
        f"<ViewSetup><id>{c}</id><size>{width} {height} {planes}</size>"
        "<voxelSize><unit>micron</unit><size>1.5 2.0 10.0</size></voxelSize></ViewSetup>"
        for c in range(channels)
    )
    span = f"<first>0</first><last>{times - 1}</last>" if not pattern else f"<integerpattern>{pattern}</integerpattern>"
    path = folder / "b.xml"
    path.write_text(
        '<?xml version="1.0"?><SpimData version="0.2"><SequenceDescription><ImageLoader format="bdv.hdf5">'
        f'<hdf5 type="relative">b.h5</hdf5></ImageLoader><ViewSetups>{setups}</ViewSetups>'
        f'<Timepoints type="{"pattern" if pattern else "range"}">{span}</Timepoints></SequenceDescription></SpimData>'
    )
    return path


def write_suite2p(folder: Path, values: np.ndarray) -> Path:
    """Suite2p: each plane's registered frames as signed numbers."""
    for z in range(values.shape[1]):
        plane = folder / f"plane{z}"
        plane.mkdir()
        values[:, z, 0].astype("<i2").tofile(plane / "data.bin")
        ops = {"Ly": values.shape[3], "Lx": values.shape[4], "fs": 5.0, "tau": 0.7, "nplanes": values.shape[1]}
        np.save(plane / "ops.npy", ops, allow_pickle=True)  # type: ignore[arg-type]
    return folder / "plane0" / "data.bin"


def write_leica(folder: Path, values: np.ndarray, *, images: int = 1, filetime: int = 0) -> Path:
    """Leica: a description in UTF-16, then a block of memory for each image; further images hold other values.

    `filetime` is when the first picture was taken, in steps of 100 ns since 1601; none is written for 0.
    """
    times, planes, channels, height, width = values.shape
    stamped = [f"{filetime + 2_500_000 * t:x}" for t in range(times) for _ in range(planes * channels)]
    stamps = f"<TimeStampList>{' '.join(stamped)}</TimeStampList>" if filetime else ""
    lengths = {"1": width, "2": height, "3": planes, "4": times}
    steps = {"1": 1.5e-6, "2": 2e-6, "3": 1e-5, "4": 0.25}
    image = height * width * 2
    increments = {"1": 2, "2": 2 * width, "3": image * channels, "4": image * channels * planes}
    about = (
        'DataType="0" ChannelTag="0" NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="Gray" IsLUTInverted="0"'
    )
    described = "".join(
        f'<ChannelDescription {about} Resolution="16" BytesInc="{c * image}" BitInc="0"/>' for c in range(channels)
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{n}" Origin="0" Length="{steps[axis] * (n - 1)}" '
        f'Unit="{"s" if axis == "4" else "m"}" BitInc="0" BytesInc="{increments[axis]}"/>'
        for axis, n in lengths.items()
        if n > 1
    )
    elements = "".join(
        f'<Element Name="Series{number}" UniqueID="{number}"><Data><Image><ImageDescription>'
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription>{stamps}</Image></Data>"
        f'<Memory Size="{values.nbytes}" MemoryBlockID="MemBlock_{number}"/><Children/></Element>'
        for number in range(images)
    )
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="p"><Memory Size="0" MemoryBlockID="MemBlock_p"/>'
        f"<Children>{elements}</Children></Element></LMSDataContainerHeader>"
    )

    def headed(name: str, more: bytes = b"") -> bytes:
        text = more + struct.pack("<BI", 0x2A, len(name)) + name.encode("utf-16-le")
        return struct.pack("<II", 0x70, len(text)) + text

    body = b"".join(
        headed(f"MemBlock_{number}", struct.pack("<BQ", 0x2A, values.nbytes))
        + (values + number).astype("<u2").tobytes()
        for number in range(images)
    )
    path = folder / "p.lif"
    path.write_bytes(headed(xml) + headed("MemBlock_p", struct.pack("<BQ", 0x2A, 0)) + body)
    return path


WRITERS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "bruker": write_bruker,
    "thor": write_thor,
    "scanbox": write_scanbox,
    "imaris": write_imaris,
    "bdv": write_bdv,
    "leica": write_leica,
    "zeiss": write_zeiss,
}
"""Of volumes with channels."""
