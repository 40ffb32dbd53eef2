"""Weight files known by their content, the averaged weights of two, and files that claim more than they hold."""

import gzip
import io
import json
import logging
import os
import pickle
import struct
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mediaeval.errors import WeightsError
from mediaeval.weights.convert import convert
from mediaeval.weights.identity import weights_identity
from mediaeval.weights.read import load_state, read_weights

pytestmark = pytest.mark.integration

A = torch.arange(1.0, 7.0).reshape(2, 3)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- what a file is -------------------------------------------------------------------------------------------------


def caffemodel() -> bytes:
    blob = b"\x3a\x03\x0a\x01\x02" + b"\x2a\x08" + struct.pack("<2f", 1, 2)  # shape (2,), two floats
    layer = b"\x0a\x03ip1" + b"\x12\x0cInnerProduct" + b"\x3a" + bytes([len(blob)]) + blob
    return b"\x0a\x03net" + b"\xa2\x06" + bytes([len(layer)]) + layer


def mxnet() -> bytes:
    array = struct.pack("<IIiii2f", 1, 2, 1, 0, 0, 1, 2)
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", 1, 3) + b"arg"


def h5() -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["conv/kernel:0"] = np.ones(3, np.float32)
    return data.getvalue()


def saved(loaded, **options) -> bytes:
    data = io.BytesIO()
    torch.save(loaded, data, **options)
    return data.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<f", 1)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "pytorch_model.bin", "w.h5", "w.caffemodel", "w"])
@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (safetensors(), ["a"]),
        (saved({"a": A}), ["a"]),
        (saved({"a": A}, _use_new_zipfile_serialization=False), ["a"]),
        (h5(), ["conv/kernel"]),
        (mxnet(), ["arg"]),
        (caffemodel(), ["ip1/weight"]),
    ],
    ids=["safetensors", "pytorch", "legacy", "hdf5", "mxnet", "caffe"],
)
def test_a_weight_file_is_known_by_its_content_under_any_name(data, keys, name, here):
    (here / name).write_bytes(data)
    assert list(read_weights(here / name, "extractor 'x'")) == keys


def archive(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return data.getvalue()


def tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        file.addfile(tarfile.TarInfo("x"))
    return data.getvalue()


OTHERS = {
    "is empty": b"",
    r"is a Git LFS pointer.*git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n",
    r"is a web page \(HTML\)": b"\n<!DOCTYPE html><html>log in</html>",
    r"is a JSON index of weights in several files": b'{"metadata": {}, "weight_map": {"a": "1.safetensors"}}',
    r"is compressed with gzip.*Decompress": gzip.compress(b"x"),
    r"is a tar archive.*Unpack": tar(),
    r"is a zip archive of 1 files, such as 'readme.txt'": archive(**{"readme.txt": b"x"}),
    r"is an \.npz archive of NumPy": archive(**{"a.npy": b"x"}),
    r"is a \.keras file of Keras 3": archive(**{"model.weights.h5": b"x", "config.json": b""}),
    r"is a PyTorch file that is cut short or damaged\. Download it again": saved({"a": A})[:-30],
    r"is a \.safetensors file, cut short or damaged": safetensors()[:-2],
    r"is a pickle that torch\.save did not write": pickle.dumps({"a": [1.0]}, 4),
    r"is an ONNX model": b"\x08\x07\x12\x07pytorch\x1a\x051.9.1",
    r"is a SavedModel of TensorFlow": b"\x08\x01\x12\xff\x01abc",
    r"is a part of a checkpoint of TensorFlow": b"\x05abc" + bytes.fromhex("57fb808b247547db"),
    r"is nothing but zeros at its beginning": bytes(100),
    r"is text; expected weights": b"hello",
    r"is of no known kind: it begins with b'\\x1b\[31m": b"\x1b[31m\xfe\xff" + bytes(20),
}


@pytest.mark.parametrize(("message", "data"), OTHERS.items(), ids=[*OTHERS])
def test_what_is_no_weight_file_is_named_with_what_to_do(message, data, here):
    path = here / "w.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=rf"^extractor 'x': \S+w\.pth {message}") as caught:
        read_weights(path, "extractor 'x'")
    assert "--trust" not in str(caught.value) and "more than tensors" not in str(caught.value)
    with pytest.raises(WeightsError, match=r"\S+w\.pth is "):
        convert(path, here / "out.safetensors", trust=True)


def test_what_cannot_be_opened_is_named_without_waiting_for_it(here):
    os.mkfifo(here / "pipe")
    with pytest.raises(WeightsError, match="is a named pipe, not a file; expected weights"):
        read_weights(here / "pipe", "extractor 'x'")
    with pytest.raises(WeightsError, match="Is a directory; expected a PyTorch file"):
        convert(here, here / "out.safetensors")


@pytest.mark.parametrize("name", ["net.pth", "my net.safetensors"])
def test_the_command_in_the_message_about_a_pickle_works(name, here, run):
    torch.save({"model": {"a": A}, "best": np.float64(0.5)}, name)
    with pytest.raises(WeightsError, match=r"holds more than tensors \(numpy\S+scalar\)") as caught:
        read_weights(here / name, "extractor 'x'")
    command = str(caught.value).partition("mediaeval ")[2].partition(";")[0]
    import shlex

    run(*shlex.split(command))
    (made,) = set(here.glob("*.safetensors")) - {here / name}
    assert torch.equal(read_weights(made, "extractor 'x'")["a"], A)


# --- the averaged of two --------------------------------------------------------------------------------------------

RAW = {"module.a": A * 0, "module.n": torch.tensor(3)}
AVERAGED = {"a": A, "n": torch.tensor(3)}


@pytest.mark.parametrize(
    ("raw", "averaged"),
    [
        ("state_dict", "state_dict_ema"),
        ("model", "model_ema"),
        ("model", "ema"),
        ("model_state_dict", "ema_state_dict"),
        ("params", "params_ema"),
        ("net", "swa_model"),
        ("student", "teacher"),
        ("modelRaw", "modelEMA"),
    ],
)
def test_averaged_weights_are_preferred_and_the_choice_is_logged_and_recorded(raw, averaged, here, caplog, run):
    caplog.set_level(logging.INFO)
    path = here / "theirs.pth"
    torch.save({"epoch": 3, averaged: AVERAGED, raw: RAW, "optimizer": {"state": {0: A}, "param_groups": []}}, path)
    assert torch.equal(read_weights(path, "extractor 'x'")["a"], A)
    assert f"it holds {averaged} and {raw}; the averaged weights, {averaged}, are taken" in caplog.text
    assert weights_identity(path).endswith(f", {averaged}")

    result = run("weights", "convert", path, "out.safetensors", "--json")
    assert json.loads(result.stdout)["taken"] == averaged and raw in json.loads(result.stdout)["left_out"]
    assert torch.equal(load_file("out.safetensors")["a"], A)
    with safe_open("out.safetensors", "pt") as file:
        assert file.metadata() == {"state_dict": averaged}


@pytest.mark.parametrize(
    "loaded",
    [
        {"a": A},
        {"state_dict": {"module.a": A}, "epoch": 3},
        {"state_dict_ema": {"a": A}, "state_dict": None},
        {"model": {"state_dict": {"_orig_mod.a": A}}},
        {"my_network": {"module._orig_mod.a": A}, "optimizer": {"state": {0: A}, "param_groups": []}},
        {"n_averaged": torch.tensor(3), "module.a": A},  # of torch.optim.swa_utils.AveragedModel
        {"model": {"a": A}, "ema": {"decay": 0.9, "shadow_params": [A * 0]}},  # without keys
        {"ema": {"shadow": {"b": A * 0}}, "model": {"a": A}},  # of another network
        {
            "ema_state_dict": {"steps": torch.tensor(3), "module.a": A * 0},
            "state_dict": {"a": A},
        },  # MMEngine's are there
    ],
)
def test_the_one_state_dict_is_found_by_its_structure(loaded, here):
    torch.save(loaded, "w.pth")
    state = read_weights(here / "w.pth", "extractor 'x'")
    assert list(state) == ["a"] and torch.equal(state["a"], A)
    assert len(weights_identity(here / "w.pth")) == len("file sha256 ") + 64, "as before there was a choice"


def test_averaged_weights_in_a_callback_are_taken_and_those_without_keys_named(here, caplog):
    caplog.set_level(logging.INFO)
    torch.save({"state_dict": RAW, "callbacks": {"EMA": {"ema_state_dict": AVERAGED}}}, "lightning.ckpt")
    assert torch.equal(read_weights(here / "lightning.ckpt", "extractor 'x'")["a"], A)
    assert "the averaged weights, callbacks.EMA.ema_state_dict, are taken" in caplog.text
    torch.save({"model": {"a": A}, "ema": {"decay": 0.9, "shadow_params": [A * 0]}}, "list.pth")
    assert torch.equal(read_weights(here / "list.pth", "extractor 'x'")["a"], A)
    assert "it holds ema, averaged weights without the keys of a network; model is taken." in caplog.text


def test_no_key_is_lost_with_a_prefix_and_two_networks_are_not_guessed_between(here):
    torch.save({"module.a": A, "a": A + 1}, "both.pth")
    with pytest.raises(WeightsError, match=r"both\.pth: 'module\.a' and 'a' would both be 'a'"):
        read_weights(here / "both.pth", "extractor 'x'")
    torch.save({"generator": {"a": A}, "critic": {"a": A}}, "gan.pth")
    with pytest.raises(WeightsError, match=r"holds no state dict .*: only 'generator', 'critic'"):
        read_weights(here / "gan.pth", "extractor 'x'")


def test_a_prefix_that_all_keys_of_the_network_have_comes_off(caplog):
    caplog.set_level(logging.INFO)
    network = torch.nn.Linear(3, 2)
    state = {"backbone.weight": A, "backbone.bias": A[:, 0], "criterion.weight": A}
    load_state(network, state, "extractor 'x'", "w.pth")
    assert torch.equal(network.weight.data, A)
    assert "the keys that begin with backbone. are taken; left out: 'criterion.weight'" in caplog.text
    with pytest.raises(WeightsError, match=r"several such networks: encoder_q\., encoder_k\."):
        load_state(network, {f"{e}.{k}": A for e in ("encoder_q", "encoder_k") for k in ("weight", "bias")}, "x", "w")
    with pytest.raises(WeightsError, match=r"keys that the file lacks: weight, bias"):
        load_state(network, {"backbone.weight": A}, "x", "w.pth")
    with pytest.raises(WeightsError, match=r"complex numbers: weight"):
        load_state(network, {"weight": A.to(torch.complex64), "bias": A[:, 0]}, "x", "w.pth")


# --- files that claim more than they hold, or nothing that can be written ---------------------------------------------


def deep(n: int, item: object) -> object:
    for _ in range(n):
        item = [item]
    return item


def legacy(pickled: bytes) -> bytes:
    """A PyTorch file of before 1.6 whose pickle is written by hand."""
    head = saved({}, _use_new_zipfile_serialization=False)
    return head.replace(b"}q\x00.", pickled)


# 20,000 numbers that have one hash: each takes as long to find a place in a dict as all before it together
SAME_HASH = b"}" + b"".join(b"\x8a\x0b" + (k * (2**61 - 1)).to_bytes(11, "little") + b"K\x01s" for k in range(20_000))


def circle() -> dict:
    loaded = {"a": A}
    loaded["me"] = loaded
    return loaded


def laughs() -> object:
    """Thirty levels of ten times the same dict: 10³⁰ paths."""
    level = {"w": A}
    for _ in range(30):
        level = {str(k): level for k in range(10)}
    return level


def recompressed(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return out.getvalue()


def claiming(data: bytes) -> bytes:
    """The same archive, whose first storage is cut."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry)[: 4 if entry.filename.endswith("data/0") else None])
    return out.getvalue()


LEGACY = {"_use_new_zipfile_serialization": False}
ODD = [
    (saved(circle()), "holds no state dict"),
    (legacy(b"]" * 3000 + b"a" * 2999 + b"."), "holds no state dict"),  # which Python's own pickle cannot write
    (saved(laughs()), "holds no state dict"),
    (legacy(b"}K\x01" + b"\x85" * 10**6 + b"K\x01s."), "tuples nested deeper than 64"),
    (legacy(SAME_HASH + b"."), "more than 1000 keys that are neither text nor small numbers"),
    (legacy(b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R."), "a bytearray of a length alone"),
    (legacy(b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b"a."), "an array of bytes of a length alone"),
    (legacy(b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"a."), "cut short or damaged"),
    (saved({"a": A.to("meta")}), r"'a' is without numbers \(meta\)"),
    (saved({"a": A, "b": A.to_sparse()}), "'b' is sparse"),
    (saved({"a": torch.zeros(1).expand(2**33)}), "has 1577 bytes, and its tensors claim 34359738368"),
    (saved({"a": torch.zeros(1).expand(2**33)}, **LEGACY), "claim 34359738368"),
    (saved({str(k): torch.zeros(2**20).expand(8, -1) for k in range(3)} | {"a": A})[:-50], "cut short or damaged"),
    (recompressed(saved({"a": torch.zeros(2**25)})), "would unpack to 134.*expected at most 6"),
    (claiming(saved({"a": A})), "a storage claims 24 bytes, the file holds 4"),
    (saved({"a": A}, **LEGACY).replace(b"K\x06", b"J\xff\xff\xff\x7f"), "a storage claims 8589934588 bytes"),
]


@pytest.mark.parametrize(("data", "message"), ODD, ids=[message[:20] for _, message in ODD])
def test_what_claims_more_than_it_holds_is_refused_before_it_is_unpacked(data, message, here):
    path = here / "w.pth"
    path.write_bytes(data)
    for read in (lambda: read_weights(path, "extractor 'x'"), lambda: convert(path, here / "out.safetensors")):
        with pytest.raises(WeightsError, match=message):
            read()
    assert weights_identity(path).startswith("file sha256 ")
    assert not (here / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ({"__metadata__": A, "b": A}, "key __metadata__, which .safetensors reserves"),
        ({"a": A.to(torch.complex128)}, "cannot be written as .safetensors.*'a' of torch.complex128"),
        ({0: A, "0": A}, "0 and '0' would both be '0'"),
        (torch.optim.Adam([torch.nn.Parameter(A)]).state_dict(), "holds no state dict"),
    ],
)
def test_what_safetensors_cannot_hold_is_refused(loaded, message, here):
    torch.save(loaded, "w.pth")
    with pytest.raises(WeightsError, match=message):
        convert(here / "w.pth", here / "out.safetensors")
    assert not (here / "out.safetensors").exists()


def test_what_can_be_held_is_written_as_it_is(here):
    loaded = {
        "nan": A * float("nan"),
        "empty": torch.zeros(0, 5),
        "half": A.half(),
        "float8": A.to(torch.float8_e4m3fn),
        "transposed": A.T,
        "repeated": torch.ones(1).expand(64),
        "again": A,
        7: A.long(),
    }
    torch.save(loaded | {"history": deep(50, 1)}, "w.pth")
    done = convert(here / "w.pth", here / "out.safetensors")
    written = load_file("out.safetensors")
    assert done.keys == [str(key) for key in loaded] and done.left_out == ["history"]
    assert all(written[str(key)].dtype == tensor.dtype for key, tensor in loaded.items())
    assert torch.equal(written["transposed"], A.T) and torch.equal(written["repeated"], torch.ones(64))


def test_safetensors_with_a_prefix_of_its_own_keep_their_keys(here):
    save_file({"module.a": A}, "w.bin")
    assert list(read_weights(here / "w.bin", "x")) == ["module.a"]


class Incomplete(torch.nn.Linear):
    """A network of another version of its package, which lacks what this one expects."""

    def state_dict(self, *arguments, **options):
        raise AttributeError("'Incomplete' object has no attribute 'gamma'")


def test_a_trusted_network_of_another_version_is_named(here):
    torch.save({"model": Incomplete(2, 2)}, "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: its Incomplete gives no state dict .*'gamma'"):
        convert(here / "w.pth", here / "out.safetensors", trust=True)
