"""What `benchmarks.fuzz_records` tries: every reader of weight files and of the records of runs, each with sound files.

A further reader is an entry in READERS: how its sound files are made, and how one file is read.
"""

import contextlib
import gzip
import io
import itertools
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save as save_arrays

from benchmarks.mutations import Base
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.features.networks.yt8m import read_pca
from mediaeval.finetune import settings_of
from mediaeval.finetune.model import SystemModel
from mediaeval.pretrain.bigfile import BigFile
from mediaeval.pretrain.tfrecord import masked_crc32c
from mediaeval.pretrain.yt8m_records import read_examples
from mediaeval.runs import open_run
from mediaeval.steps.models import load_trained
from mediaeval.steps.trained_run import TrainedRun
from mediaeval.training.checkpoint import read_state
from mediaeval.weights.cache import recorded
from mediaeval.weights.convert import convert
from mediaeval.weights.identity import weights_identity
from mediaeval.weights.read import read_weights
from submission.ledger import Ledger
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

TASK = VISUAL_SENTIMENT_2021
RUN = "fuzz"


@dataclass(frozen=True)
class Reader:
    """One reader.

    name   for the table
    share  how many files of all, in parts
    bases  makes sound files, by their path in a folder that may hold others beside
    read   reads the file at a path; what it may raise is a UserError
    """

    name: str
    share: float
    bases: Callable[[Path], Mapping[str, Base]]
    read: Callable[[Path], object]


# --- weight files ---------------------------------------------------------------------------------------------------

STATE = {
    "features.0.weight": torch.arange(24.0).reshape(4, 2, 3, 1),
    "bn.running_mean": torch.ones(4, dtype=torch.float16),
    "bn.num_batches_tracked": torch.tensor(3),
}


def safetensors_base(data: bytes) -> Base:
    """Return a .safetensors file in two parts: its header, whose length is put right, and its numbers."""
    length = int.from_bytes(data[:8], "little")
    return Base(
        (data[8 : 8 + length], data[8 + length :]),
        lambda parts: struct.pack("<Q", len(parts[0])) + b"".join(parts),
        frozenset({0}),
    )


def zip_base(data: bytes) -> Base:
    """Return a zip archive in its entries, which are packed with right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        parts = tuple(archive.read(name) for name in names)

    def pack(parts: Sequence[bytes]) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            for name, part in zip(names, parts, strict=True):
                made.writestr(name, part)
        return out.getvalue()

    return Base(parts, pack)


def _saved(loaded: object, **options: Any) -> bytes:
    out = io.BytesIO()
    torch.save(loaded, out, **options)
    return out.getvalue()


def _torch_bases(_: Path) -> dict[str, Base]:
    checkpoint = {"epoch": 3, "state_dict": STATE, "state_dict_ema": STATE, "optimizer": {"state": {0: {"m": STATE}}}}
    return {
        "plain.pth": zip_base(_saved(STATE)),
        "checkpoint.pth.tar": zip_base(_saved(checkpoint)),
        "branches.bin": zip_base(_saved({"model": [STATE, STATE]})),
    }


def _legacy_bases(_: Path) -> dict[str, Base]:
    legacy = {"_use_new_zipfile_serialization": False}
    whole = [_saved(STATE, **legacy), _saved({"model": STATE, "ema": STATE}, **legacy)]
    return {f"{k}.pth": Base(tuple(_split(data, (29, 60, 200)))) for k, data in enumerate(whole)}


def _split(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = [0, *places, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def _safetensors_bases(_: Path) -> dict[str, Base]:
    arrays = {key: tensor.numpy() for key, tensor in STATE.items()}
    return {"w.safetensors": safetensors_base(save_arrays(arrays, {"training": "{}"}))}


def _hdf5_bases(_: Path) -> dict[str, Base]:
    made = {}
    for name, options in (("plain.h5", {}), ("packed.h5", {"compression": "gzip", "chunks": True, "shuffle": True})):
        out = io.BytesIO()
        with h5py.File(out, "w", libver="latest" if options else "earliest") as file:
            file.create_dataset("model_weights/conv/conv/kernel:0", data=np.ones((3, 3, 2, 4), np.float32), **options)
            file.create_dataset("model_weights/conv/conv/bias:0", data=np.ones(4, np.float64), **options)
            file["model_weights"].attrs["layer_names"] = [b"conv"]
        made[name] = Base((out.getvalue(),))
    return made


def _mxnet_bases(_: Path) -> dict[str, Base]:
    arrays = struct.pack("<IiI2qiii6f", 0xF993FAC9, 0, 2, 2, 3, 1, 0, 0, *range(6))
    arrays += struct.pack("<IIIiii2d", 2, 1, 2, 1, 0, 1, 1, 2)
    names = b"".join(struct.pack("<Q", len(name)) + name for name in (b"arg:a", b"aux:b"))
    return {"w.params": Base((struct.pack("<QQQ", 0x112, 0, 2), arrays, struct.pack("<Q", 2), names))}


def _field(number: int, content: bytes | int) -> bytes:
    """Return a protobuf field: of bytes with their length, or a varint below 128."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _caffe_bases(_: Path) -> dict[str, Base]:
    numbers = np.arange(6, dtype="<f4").tobytes()
    blobs = [_field(7, _field(1, b"\x02\x03")) + _field(5, numbers)]
    blobs.append(b"".join(_field(k, n) for k, n in ((1, 1), (2, 1), (3, 2), (4, 3))) + _field(5, numbers))

    def layers(parts: Sequence[bytes]) -> bytes:
        new = _field(100, _field(1, b"fc6") + _field(2, b"InnerProduct") + _field(7, parts[0]) + _field(7, parts[1]))
        old = _field(2, _field(4, b"conv1") + _field(5, 4) + _field(6, parts[0]))
        oldest = _field(2, _field(1, _field(1, b"ip") + _field(2, b"innerproduct") + _field(50, parts[1])))
        return _field(1, b"CaffeNet") + new + old + oldest

    return {"net.caffemodel": Base(tuple(blobs), layers)}


def _read_weights(path: Path) -> None:
    """Read as an extractor and as `weights convert` do; the identity never fails."""
    weights_identity(path)
    out = path.parent / "out.safetensors"
    out.unlink(missing_ok=True)
    try:
        read_weights(path, "extractor 'x'")
    finally:
        convert(path, out)


def _read_only(path: Path) -> None:
    weights_identity(path)
    read_weights(path, "extractor 'x'")


# --- models and states of trainings ---------------------------------------------------------------------------------


def _classifier_bases(folder: Path) -> dict[str, Base]:
    made = {}
    rng = np.random.default_rng(0)
    task = TASK["subtask1"]
    labels = pd.DataFrame(np.eye(3, dtype=int)[rng.integers(0, 3, 30)], columns=list(task.labels))
    for classifier in ("logistic", "moe"):
        model = SubtaskModel(task, classifier, {}, {"a": 5}, "standard", 0)
        model.fit(rng.normal(size=(30, 5)).astype(np.float32), labels)
        model.save(folder / "made.safetensors")
        base = safetensors_base((folder / "made.safetensors").read_bytes())
        made[f"{classifier}.safetensors"] = with_inner_json(base, "model")
    return made


def with_inner_json(base: Base, key: str) -> Base:
    """Return a .safetensors file whose metadata, JSON in the JSON of the header, is a part of its own."""
    header = json.loads(base.parts[0])
    inner = header["__metadata__"].pop(key).encode()

    def pack(parts: Sequence[bytes]) -> bytes:
        try:
            whole = json.loads(parts[0])
            whole["__metadata__"][key] = parts[2].decode("utf-8", "replace")
            text = json.dumps(whole).encode()
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            text = parts[0]
        return base.pack((text, parts[1]))

    return Base((json.dumps(header).encode(), base.parts[1], inner), pack, frozenset({0, 2}))


def _system_bases(folder: Path) -> dict[str, Base]:
    settings = settings_of({"name": "timm", "model": "test_efficientnet.r160_in1k", "init": "random", "image_size": 32})
    model = SystemModel(TASK["subtask1"], "timm", settings, {}, 0)
    model._built = model._build(pretrained=False)
    model.save(folder / "made.safetensors")
    base = safetensors_base((folder / "made.safetensors").read_bytes())
    return {"system.safetensors": with_inner_json(base, "system")}


def _load_model(path: Path) -> None:
    load_trained(path, TASK["subtask1"])


class _Objective:
    """What `read_state` asks of an objective: networks and an optimiser."""

    def __init__(self) -> None:
        self.modules = {"network": torch.nn.Linear(3, 2)}
        self.optimiser = torch.optim.AdamW(self.modules["network"].parameters())
        self.modules["network"](torch.ones(1, 3)).sum().backward()
        self.optimiser.step()


def _state_bases(_: Path) -> dict[str, Base]:
    objective = _Objective()
    state = {
        "modules": {name: module.state_dict() for name, module in objective.modules.items()},
        "optimiser": objective.optimiser.state_dict(),
        "settings": {"rate": "0.1"},
        "history": [{"epoch": 1, "loss": 0.5}],
        "examples": 30,
    }
    return {"out.training": zip_base(_saved(state))}


def _read_state(path: Path) -> None:
    read_state(path, _Objective(), {"rate": "0.1"})  # type: ignore[arg-type]


# --- what networks are pretrained from ------------------------------------------------------------------------------


def _tfrecord_bases(_: Path) -> dict[str, Base]:
    def feature(name: bytes, content: bytes) -> bytes:
        return _field(1, _field(1, name) + _field(2, content))

    vector = _field(2, _field(1, np.zeros(1024, "<f4").tobytes()))
    labels = feature(b"labels", _field(3, _field(1, b"\x03\x05")))
    video = _field(1, feature(b"mean_rgb", vector) + labels)
    frames = _field(1, _field(1, _field(1, bytes(1024)))) * 2
    frame_level = _field(1, labels) + _field(2, _field(1, _field(1, b"rgb") + _field(2, frames)))

    def pack(parts: Sequence[bytes]) -> bytes:
        lengths = [struct.pack("<Q", len(part)) for part in parts]
        return b"".join(
            length + struct.pack("<I", masked_crc32c(length)) + part + struct.pack("<I", masked_crc32c(part))
            for length, part in zip(lengths, parts, strict=True)
        )

    return {"train0.tfrecord": Base((video, frame_level), pack)}


def _read_tfrecord(path: Path) -> None:
    for _ in read_examples([path], 100):
        pass


def _bigfile_bases(folder: Path) -> dict[str, Base]:
    (folder / "id.txt").write_text("a b c\n")
    (folder / "feature.bin").write_bytes(bytes(24))
    (folder / "shape.txt").write_text("3 2")
    return {name: Base(((folder / name).read_bytes(),), text=frozenset({0})) for name in ("shape.txt", "id.txt")}


def _read_bigfile(path: Path) -> None:
    features = BigFile(path.parent)
    features.get(features.names)


def _pca_bases(_: Path) -> dict[str, Base]:
    shapes = {"mean.npy": (2048, 1), "eigenvals.npy": (1024, 1)}
    contents = []
    for shape in shapes.values():
        out = io.BytesIO()
        np.save(out, np.ones(shape, np.float32))
        contents.append(out.getvalue())
    parts = [piece for content in contents for piece in (content[:128], content[128:])]

    def pack(parts: Sequence[bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for k, name in enumerate(shapes):
                content = parts[2 * k] + parts[2 * k + 1]
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return gzip.compress(out.getvalue(), 1)

    return {"yt8m_pca.tgz": Base(tuple(parts), pack)}


def _index_bases(_: Path) -> dict[str, Base]:
    index = {"r.h5": {"sha256": "0" * 64, "bytes": 3, "url": "https://a", "date": "2021"}}
    return {"index.json": Base((json.dumps(index).encode(),), text=frozenset({0}))}


# --- records of runs ------------------------------------------------------------------------------------------------


def _run_bases(folder: Path) -> dict[str, Base]:
    """Train a small run, and return its text files."""
    import os

    from mediaeval.cli import app

    before = Path.cwd()
    os.chdir(folder)
    try:
        for arguments in (
            ["sample", "sample", "--dev", "60", "--test", "12"],
            ["train", "all", "--run", RUN, "--set", "classifier=logistic"],
            ["predict", RUN],
            ["submit", RUN],
        ):
            with contextlib.redirect_stdout(io.StringIO()):
                app(arguments, standalone_mode=False)
    finally:
        os.chdir(before)
    files = [path for path in (folder / "runs").rglob("*") if path.suffix in (".json", ".csv", ".toml", ".jsonl")]
    return {str(path.relative_to(folder)): Base((path.read_bytes(),), text=frozenset({0})) for path in sorted(files)}


def _read_run(path: Path) -> None:
    """Open the run as commands do, and read all that it holds; the ledger beside it, too."""
    runs = next(parent for parent in path.parents if parent.name == "runs")
    Ledger(runs / "ledger.jsonl", TASK)
    folder = open_run(RUN, runs)
    run = TrainedRun.open(folder, TASK, checked=False)
    _ = run.header
    for subtask in run.subtasks:
        run.thresholds(subtask)
        run.validation(subtask)
        run.model(subtask)
    if folder.test.is_file():
        folder.read_predictions()
    TrainedRun.open(folder, TASK)


READERS: tuple[Reader, ...] = (
    Reader("safetensors", 10, _safetensors_bases, _read_only),
    Reader("PyTorch, zip archive", 14, _torch_bases, _read_weights),
    Reader("PyTorch before 1.6", 12, _legacy_bases, _read_weights),
    Reader("Keras, HDF5", 14, _hdf5_bases, _read_only),
    Reader("MXNet .params", 8, _mxnet_bases, _read_only),
    Reader(".caffemodel", 8, _caffe_bases, _read_only),
    Reader("model of a classifier", 8, _classifier_bases, _load_model),
    Reader("model of a system", 2, _system_bases, _load_model),
    Reader("state of a training", 6, _state_bases, _read_state),
    Reader("TFRecord of YouTube-8M", 4, _tfrecord_bases, _read_tfrecord),
    Reader("BigFile", 2, _bigfile_bases, _read_bigfile),
    Reader("PCA of YouTube-8M", 2, _pca_bases, read_pca),
    Reader("index of the cache", 2, _index_bases, lambda path: recorded(path.parent)),
    Reader("records of a run, ledger", 8, _run_bases, _read_run),
)
