"""Other software's files: written here from the formats' descriptions, read back, cut short and damaged."""

import struct

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mediaeval.errors import WeightsError
from mediaeval.formats.keras import read_keras
from mediaeval.formats.mxnet import read_mxnet
from mediaeval.formats.protobuf import WireError, fields, packed_floats, packed_varints, signed

# A file in tmp_path is written anew by every example
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# --- MXNet: what NDArray::Save writes -------------------------------------------------------------------------------

FLAGS = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}


def shape_of(array: np.ndarray, dialect: str) -> bytes:
    ndim = array.ndim
    match dialect:
        case "legacy":
            return struct.pack(f"<I{ndim}I", ndim, *array.shape)
        case "V1":
            return struct.pack(f"<II{ndim}q", 0xF993FAC8, ndim, *array.shape)
        case "V2":
            return struct.pack(f"<IiI{ndim}q", 0xF993FAC9, 0, ndim, *array.shape)
        case "V3":
            return struct.pack(f"<Iii{ndim}q", 0xF993FACA, 0, ndim, *array.shape)


def array_bytes(array: np.ndarray, dialect: str, device: int = 1) -> bytes:
    return shape_of(array, dialect) + struct.pack("<iii", device, 0, FLAGS[array.dtype.name]) + array.tobytes()


def list_bytes(arrays: list[bytes], names: list[str]) -> bytes:
    encoded = [name.encode() for name in names]
    return b"".join(
        [
            struct.pack("<QQQ", 0x112, 0, len(arrays)),
            *arrays,
            struct.pack("<Q", len(names)),
            *(struct.pack("<Q", len(name)) + name for name in encoded),
        ]
    )


def params(path, tensors: dict[str, np.ndarray], dialects: list[str]):
    arrays = [array_bytes(a, dialects[k % len(dialects)]) for k, a in enumerate(tensors.values())]
    path.write_bytes(list_bytes(arrays, list(tensors)))
    return path


numbers = st.sampled_from([*FLAGS]).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
)
names = st.text(st.characters(codec="utf-8"), max_size=12)


@quick
@given(
    tensors=st.dictionaries(names, numbers, max_size=5),
    dialects=st.permutations(["legacy", "V1", "V2", "V3"]),
)
def test_mxnet_arrays_of_every_dialect_come_back_as_they_were(tensors, dialects, tmp_path):
    read = read_mxnet(params(tmp_path / "a.params", tensors, dialects))
    assert list(read) == list(tensors)
    for name, array in tensors.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_mxnet_arrays_without_a_shape_are_empty_and_a_v3_array_of_no_dims_is_one_number(tmp_path):
    one = array_bytes(np.float32(7).reshape(()), "V3")
    v2_without_storage = struct.pack("<IiI", 0xF993FAC9, -1, 0)
    legacy, v1 = struct.pack("<I", 0), struct.pack("<II", 0xF993FAC8, 0)
    v3_unknown_dim = struct.pack("<Iiiqq", 0xF993FACA, 0, 2, 3, -1)
    v3_unknown_ndim = struct.pack("<Iii", 0xF993FACA, 0, -1)
    empty = [legacy, v1, v2_without_storage, v3_unknown_dim, v3_unknown_ndim]
    path = tmp_path / "a.params"
    path.write_bytes(list_bytes([*empty, one], [*"abcde", "arg:one"]))
    read = read_mxnet(path)
    assert [read[name].shape for name in "abcde"] == [(0,)] * 5
    assert read["arg:one"].shape == () and read["arg:one"] == 7


def test_mxnet_arrays_can_be_written_to_and_were_on_any_device(tmp_path):
    path = tmp_path / "a.params"
    path.write_bytes(list_bytes([array_bytes(np.arange(3, dtype=np.int8), "V2", device=2)], ["aux:x"]))
    read = read_mxnet(path)["aux:x"]
    read += 1
    assert read.tolist() == [1, 2, 3]


GOOD = array_bytes(np.arange(6, dtype=np.float32).reshape(2, 3), "V2")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\3\4" + bytes(40), r"begins with 0x4034b50, not with 0x112.*Give a \.params file"),
        (list_bytes([struct.pack("<IiI", 0xF993FAC9, 1, 0)], ["a"]), "sparse .row-sparse.*tostype"),
        (list_bytes([struct.pack("<IiI", 0xF993FACA, 2, 0)], ["a"]), "sparse .compressed sparse rows"),
        (list_bytes([struct.pack("<IiI2q", 0xF993FAC9, 7, 2, 1, 1)], ["a"]), r"storage type 7 and shape \(1, 1\)"),
        (list_bytes([struct.pack("<II2q", 0xF993FAC8, 2, -5, 3)], ["a"]), r"shape \(-5, 3\)"),
        (list_bytes([struct.pack("<I", 33)], ["a"]), "33 dims, more than 32"),
        (list_bytes([struct.pack("<II", 0xF993FAC8, 2**31)], ["a"]), "2147483648 dims"),
        (list_bytes([struct.pack("<2I3i", 1, 4, 1, 0, 12)], ["a"]), "number type 12, known are"),
        (list_bytes([struct.pack("<3I3i", 2, 2**31, 2**31, 1, 0, 0)], ["a"]), "takes 18446744073709551616 bytes"),
        (list_bytes([struct.pack("<II3q3i", 0xF993FAC8, 3, 0, 2**60, 2**60, 1, 0, 0)], ["a"]), "array 0 has shape"),
        (struct.pack("<QQQ", 0x112, 0, 2**63), "a list of 9223372036854775808 arrays takes"),
        (list_bytes([GOOD], [])[:-8] + struct.pack("<QQ", 1, 2**40), "name 0 takes 1099511627776 bytes"),
        (list_bytes([GOOD], []), "1 arrays and 0 names"),
        (list_bytes([GOOD, GOOD], ["a", "a"]), "two arrays have the name 'a'"),
        (list_bytes([GOOD], ["a"]) + b"\0", "1 bytes follow after the last name"),
        (list_bytes([GOOD], ["?"])[:-1] + b"\xff", "name 0 is not UTF-8"),
    ],
)
def test_mxnet_files_that_are_none_or_say_what_they_do_not_hold_are_told(data, message, tmp_path):
    path = tmp_path / "a.params"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=message) as caught:
        read_mxnet(path)
    assert str(path) in str(caught.value)


def test_absent_files_are_told(tmp_path):
    with pytest.raises(WeightsError, match=r"is not a file; expected an MXNet \.params file"):
        read_mxnet(tmp_path / "a.params")
    with pytest.raises(WeightsError, match=r"is not a file; expected a Keras \.h5 file"):
        read_keras(tmp_path)


def test_an_mxnet_file_cut_anywhere_is_told(tmp_path):
    tensors = {"arg:a": np.arange(3.0, dtype=np.float32), "b": np.zeros((2, 0)), "c": np.ones((1, 2), np.uint8)}
    path = params(tmp_path / "a.params", tensors, ["legacy", "V1", "V3"])
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match="are left: the file is cut short or damaged"):
            read_mxnet(path)


@settings(quick, max_examples=300)
@given(place=st.integers(0, 150), byte=st.integers(0, 255))
def test_a_damaged_mxnet_file_is_read_or_told(place, byte, tmp_path):
    tensors = {"arg:a": np.arange(3.0, dtype=np.float32), "b": np.zeros((2, 0)), "c": np.ones((1, 2), np.uint8)}
    path = params(tmp_path / "a.params", tensors, ["legacy", "V1", "V2"])
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data)
    try:
        assert len(read_mxnet(path)) == 3
    except WeightsError as error:
        assert str(path) in str(error)


# --- Keras ----------------------------------------------------------------------------------------------------------


def h5(path, variables: dict[str, np.ndarray], **options):
    with h5py.File(path, "w") as file:
        for name, value in variables.items():
            file.create_dataset(name, data=value, **options)
    return path


RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.normal(size=(3, 3, 2, 4)).astype(np.float32), RNG.normal(size=4).astype(np.float32)


@pytest.mark.parametrize("root", ["", "model_weights/"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_keras_variables_are_named_by_layer_and_variable(root, compression, tmp_path):
    variables = {
        "stage1_unit1_conv1/stage1_unit1_conv1/kernel:0": KERNEL,
        "conv1d/bias:0": BIAS,
        "dense/sequential/dense/kernel:0": BIAS[:, None],
    }
    path = h5(tmp_path / "a.h5", {root + name: value for name, value in variables.items()}, compression=compression)
    if root:
        with h5py.File(path, "a") as file:
            file["optimizer_weights/training/iterations:0"] = np.int64(3)
            file.create_group("model_weights/dropout")
    read = read_keras(path)
    assert set(read) == {"stage1_unit1_conv1/kernel", "conv1d/bias", "dense/kernel"}
    np.testing.assert_array_equal(read["stage1_unit1_conv1/kernel"], KERNEL)
    np.testing.assert_array_equal(read["dense/kernel"], BIAS[:, None])


def _soft(file):
    file["conv/alias:0"] = h5py.SoftLink("/conv/kernel:0")


def _external(file):
    file["other"] = h5py.ExternalLink("secret.h5", "/")


def _external_model(file):
    file["model_weights"] = h5py.ExternalLink("secret.h5", "/")


def _raw_storage(file):
    file.create_dataset("conv/raw:0", (8,), "u1", external=[("secret.bin", 0, 8)])


def _virtual(file):
    layout = h5py.VirtualLayout((8,), "u1")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (8,))
    file.create_virtual_dataset("conv/virtual:0", layout)


def _cycle(file):
    file["conv/again"] = file["/"]


def _huge(file):
    file.create_dataset("conv/huge:0", (2**40,), "f4", chunks=(2**10,))


def _overflowing(file):
    file.create_dataset("conv/huge:0", (2**40, 2**40), "f4", chunks=(1, 2**10))


def _text(file):
    file["conv/text:0"] = "words"


def _empty(file):
    file["conv/empty:0"] = h5py.Empty("f4")


def _same_name(file):
    file["conv/inner/kernel:0"] = BIAS


def _no_layer(file):
    file["kernel:0"] = BIAS


def _keras3(file):
    file["layers/conv2d/vars/0"] = BIAS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_soft, "conv/alias:0 is a link.*not followed"),
        (_external, "other is a link.*not followed"),
        (_external_model, "model_weights is a link.*not followed"),
        (_raw_storage, "conv/raw:0 are in another file, which is not opened"),
        (_virtual, "conv/virtual:0 are in another file, which is not opened"),
        (_cycle, "group conv/again is linked twice"),
        (_huge, "conv/huge:0 states 4398046511104 bytes and holds 0"),
        (_overflowing, f"conv/huge:0 states {2**82} bytes and holds 0"),
        (_text, "conv/text:0: got object; expected numbers"),
        (_empty, "conv/empty:0 is empty"),
        (_same_name, "conv/inner/kernel:0 and conv/kernel:0 would both be conv/kernel"),
        (_no_layer, "kernel:0 is not in the group of a layer"),
        (_keras3, "layout of Keras 3"),
    ],
)
def test_keras_files_that_point_out_of_themselves_or_hold_other_things_are_refused(change, message, tmp_path):
    h5(tmp_path / "secret.h5", {"x": np.arange(8, dtype=np.uint8)})
    (tmp_path / "secret.bin").write_bytes(b"password")
    path = h5(tmp_path / "a.h5", {"conv/kernel:0": KERNEL})
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(WeightsError, match=message) as caught:
        read_keras(path)
    assert str(path) in str(caught.value)


def test_what_hdf5_compresses_is_bounded(tmp_path):
    """3 MB may not become 3 GB, in one variable or in many that are one; nor in one chunk."""
    for shape, chunk, stated in (((2**28,), (2**16,), 2**30), ((8,), (2**25,), 2**27)):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            options = {"chunks": chunk, "maxshape": (None,), "compression": "lzf"}
            file.create_dataset("conv/kernel:0", shape, "f4", **options)[:4] = 1
        with pytest.raises(WeightsError, match=rf"conv/kernel:0 states {stated} bytes and holds \d+"):
            read_keras(tmp_path / "a.h5")
    path = h5(tmp_path / "a.h5", {"conv/kernel:0": np.zeros(2**22, np.float32)}, compression="gzip")
    with h5py.File(path, "a") as file:
        for k in range(5):
            file[f"conv{k}/kernel:0"] = file["conv/kernel:0"]
    with pytest.raises(WeightsError, match=r"states 16777216 bytes and holds \d+"):
        read_keras(path)


def test_groups_that_are_nested_without_end_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="nested deeper than 32"):
        read_keras(h5(tmp_path / "a.h5", {"a/" * 40 + "kernel:0": BIAS}))


def test_an_hdf5_file_without_variables_is_told(tmp_path):
    with pytest.raises(WeightsError, match="holds no variables"):
        read_keras(h5(tmp_path / "a.h5", {}))


def test_a_keras_file_cut_anywhere_is_told(tmp_path):
    path = h5(tmp_path / "a.h5", {"conv/kernel:0": KERNEL, "conv/bias:0": BIAS, "bn/beta:0": BIAS})
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for length in {0, 1, len(data) - 1, *rng.integers(0, len(data), 150).tolist()}:
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=r"cannot be read as a Keras \.h5 file .*cut short"):
            read_keras(path)


# --- protobuf -------------------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | float) -> bytes:
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2**29 - 1),
            st.one_of(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=300), st.floats(width=32, allow_nan=False)),
        )
    )
)
@settings(quick)
def test_fields_come_back_in_order(message):
    read = list(fields(b"".join(field(number, value) for number, value in message)))
    assert [number for number, _, _ in read] == [number for number, _ in message]
    for (_, wire, value), (_, written) in zip(read, message, strict=True):
        if isinstance(written, float):
            assert wire == 5 and struct.unpack("<f", value) == (written,)
        elif isinstance(written, int):
            assert wire == 0 and signed(value) == written
        else:
            assert wire == 2 and value == written


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
@settings(quick)
def test_packed_integers_come_back(values):
    read = packed_varints(b"".join(map(varint, values)))
    assert read.dtype == np.int64 and read.tolist() == values


def test_64_bit_values_and_floats_are_given_as_they_lie():
    assert list(fields(varint(3 << 3 | 1) + struct.pack("<d", 0.5))) == [(3, 1, struct.pack("<d", 0.5))]
    assert packed_floats(struct.pack("<2f", 0.5, -2)).tolist() == [0.5, -2]


def test_long_values_are_views_of_the_message():
    message = bytearray(field(1, bytes(8)) + field(2, field(7, bytes(4))))
    (_, _, value), (_, _, inner) = fields(message)
    ((_, _, deep),) = fields(inner)
    floats = packed_floats(deep)
    message[2:10] = b"abcdefgh"
    message[-4:] = struct.pack("<f", 1.5)
    assert value == b"abcdefgh" and floats.tolist() == [1.5]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"\x80" * 11, "does not end"),
        (b"\x80", "cut short"),
        (varint(1 << 3 | 3), "wire type 3"),
        (varint(0 << 3), "field number 0"),
        (varint(1 << 3 | 2) + varint(5) + b"abc", "5 bytes, but 3 are left"),
        (varint(1 << 3 | 2) + varint(2**63), "9223372036854775808 bytes, but 0 are left"),
        (varint(1 << 3 | 5) + b"abc", "4 bytes, but 3 are left"),
    ],
)
def test_bytes_that_are_no_message_are_told(message, told):
    with pytest.raises(WireError, match=told):
        list(fields(message))


def test_lists_that_end_within_a_number_are_told():
    with pytest.raises(WireError, match="ends within one"):
        packed_varints(b"\1\x80")
    with pytest.raises(WireError, match="11 bytes"):
        packed_varints(b"\x80" * 10 + b"\1")
    with pytest.raises(WireError, match="5 bytes, which is not a multiple of 4"):
        packed_floats(bytes(5))
