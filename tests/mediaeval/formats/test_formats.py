"""Other software's files: written here from the formats' descriptions, read back, cut short and damaged."""

import struct

import google_crc32c
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mediaeval.errors import FeaturesError, WeightsError
from mediaeval.formats.keras import read_keras
from mediaeval.formats.mxnet import read_mxnet
from mediaeval.formats.protobuf import WireError, fields, packed_floats, packed_varints, signed
from mediaeval.pretrain.bigfile import BigFile
from mediaeval.pretrain.tfrecord import read_example, read_sequence_example, records

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
        (b"PK\3\4" + bytes(40), r"begins with 0x4034b50, wanted 0x112.*Name a \.params file"),
        (list_bytes([struct.pack("<IiI", 0xF993FAC9, 1, 0)], ["a"]), "sparse .row-sparse.*tostype"),
        (list_bytes([struct.pack("<IiI", 0xF993FACA, 2, 0)], ["a"]), "sparse .compressed sparse rows"),
        (list_bytes([struct.pack("<IiI2q", 0xF993FAC9, 7, 2, 1, 1)], ["a"]), r"storage type 7 and shape \(1, 1\)"),
        (list_bytes([struct.pack("<II2q", 0xF993FAC8, 2, -5, 3)], ["a"]), r"shape \(-5, 3\)"),
        (list_bytes([struct.pack("<I", 33)], ["a"]), "33 dims, at most 32"),
        (list_bytes([struct.pack("<II", 0xF993FAC8, 2**31)], ["a"]), "2147483648 dims"),
        (list_bytes([struct.pack("<2I3i", 1, 4, 1, 0, 12)], ["a"]), "number type 12, known are"),
        (list_bytes([struct.pack("<3I3i", 2, 2**31, 2**31, 1, 0, 0)], ["a"]), "takes 18446744073709551616 bytes"),
        (list_bytes([struct.pack("<II3q3i", 0xF993FAC8, 3, 0, 2**60, 2**60, 1, 0, 0)], ["a"]), "array 0 is of shape"),
        (struct.pack("<QQQ", 0x112, 0, 2**63), "a list of 9223372036854775808 arrays takes"),
        (list_bytes([GOOD], [])[:-8] + struct.pack("<QQ", 1, 2**40), "name 0 takes 1099511627776 bytes"),
        (list_bytes([GOOD], []), "1 arrays and 0 names"),
        (list_bytes([GOOD, GOOD], ["a", "a"]), "two arrays are called 'a'"),
        (list_bytes([GOOD], ["a"]) + b"\0", "1 bytes follow the last name"),
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
    with pytest.raises(WeightsError, match=r"is no file. An MXNet \.params file is wanted"):
        read_mxnet(tmp_path / "a.params")
    with pytest.raises(WeightsError, match=r"is no file; a Keras \.h5 file is wanted"):
        read_keras(tmp_path)
    with pytest.raises(FeaturesError, match=r"is no file\. A TFRecord file is wanted"):
        list(records(tmp_path))


def test_an_mxnet_file_cut_anywhere_is_told(tmp_path):
    tensors = {"arg:a": np.arange(3.0, dtype=np.float32), "b": np.zeros((2, 0)), "c": np.ones((1, 2), np.uint8)}
    path = params(tmp_path / "a.params", tensors, ["legacy", "V1", "V3"])
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match="are left; the file is cut short or damaged"):
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
        (_raw_storage, "conv/raw:0 lie in another file, which is not opened"),
        (_virtual, "conv/virtual:0 lie in another file, which is not opened"),
        (_cycle, "group conv/again is linked twice"),
        (_huge, "conv/huge:0 says 4398046511104 bytes and holds 0"),
        (_overflowing, f"conv/huge:0 says {2**82} bytes and holds 0"),
        (_text, "conv/text:0 holds object, numbers are wanted"),
        (_empty, "conv/empty:0 is empty"),
        (_same_name, "conv/inner/kernel:0 and conv/kernel:0 would both be conv/kernel"),
        (_no_layer, "kernel:0 lies in no layer's group"),
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


def test_an_hdf5_file_without_variables_is_told(tmp_path):
    with pytest.raises(WeightsError, match="holds no variables"):
        read_keras(h5(tmp_path / "a.h5", {}))


def test_a_keras_file_cut_anywhere_is_told(tmp_path):
    path = h5(tmp_path / "a.h5", {"conv/kernel:0": KERNEL, "conv/bias:0": BIAS, "bn/beta:0": BIAS})
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for length in {0, 1, len(data) - 1, *rng.integers(0, len(data), 150).tolist()}:
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=r"is not a Keras \.h5 file that can be read .*cut short"):
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
        (varint(1 << 3 | 2) + varint(5) + b"abc", "5 bytes where 3 are left"),
        (varint(1 << 3 | 2) + varint(2**63), "9223372036854775808 bytes where 0 are left"),
        (varint(1 << 3 | 5) + b"abc", "4 bytes where 3 are left"),
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
    with pytest.raises(WireError, match="5 bytes, no multiple of 4"):
        packed_floats(bytes(5))


# --- TFRecord -------------------------------------------------------------------------------------------------------


def masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    rotated = (crc >> 15) + ((crc & 0x7FFF) << 17)
    return struct.pack("<I", (rotated + 0xA282EAD8) % 2**32)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def feature(values, packed: bool = True) -> bytes:
    """A Feature: bytes, floats or ints, the numbers packed or one by one."""
    if all(isinstance(v, bytes) for v in values):
        return field(1, b"".join(field(1, v) for v in values))
    if all(isinstance(v, float) for v in values):
        inner = struct.pack(f"<{len(values)}f", *values)
        return field(2, field(1, inner) if packed else b"".join(field(1, v) for v in values))
    inner = b"".join(map(varint, values))
    return field(3, field(1, inner) if packed else b"".join(field(1, v) for v in values))


def features(values: dict, packed: bool = True) -> bytes:
    return b"".join(
        field(1, field(1, name.encode()) + field(2, feature(value, packed))) for name, value in values.items()
    )


VALUES = st.one_of(
    st.lists(st.binary(max_size=9), max_size=4),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
)


def same(read, written) -> bool:
    kind = {bytes: list, float: np.float32, int: np.int64}[type(written[0]) if written else bytes]
    return (type(read) is list or read.dtype == kind) and list(read) == list(written)


@quick
@given(values=st.dictionaries(names, VALUES, max_size=4), packed=st.booleans())
def test_examples_come_back_whether_packed_or_not(values, packed, tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(record(field(1, features(values, packed))) + record(b""))
    first, second = (read_example(r) for r in records(path))
    assert set(first) == set(values) and second == {}
    assert all(same(first[name], value) for name, value in values.items())


def test_a_sequence_example_like_those_of_youtube8m_comes_back():
    context = field(1, features({"id": [b"abcd"], "labels": [3, 12]}))
    steps = [feature([bytes([k] * 4)]) for k in range(3)]
    lists = field(2, field(1, field(1, b"rgb") + field(2, b"".join(field(1, step) for step in steps))))
    read, sequences = read_sequence_example(context + lists)
    assert read["id"] == [b"abcd"] and read["labels"].tolist() == [3, 12]
    assert sequences == {"rgb": [[b"\0\0\0\0"], [b"\1\1\1\1"], [b"\2\2\2\2"]]}


def test_empty_lists_keep_their_kind_and_other_fields_are_passed_over():
    entry = field(1, field(1, b"none") + field(2, field(2, b""))) + field(9, b"of a later version")
    read = read_example(field(1, entry) + field(8, 5))
    assert read["none"].dtype == np.float32 and read["none"].shape == (0,)
    assert read_example(field(1, field(1, field(1, b"a")))) == {"a": []}


@pytest.mark.parametrize(
    "message",
    [
        field(1, 5),
        b"text, not a message",
        field(1, field(1, field(1, b"\xff") + field(2, feature([1])))),
        field(1, field(1, field(1, b"a") + field(2, field(2, field(1, b"abc"))))),
        field(1, field(1, field(1, b"a") + field(2, field(3, field(1, b"\x80"))))),
        field(1, field(1, field(1, b"a") + field(2, field(1, field(1, 7))))),
    ],
)
def test_records_that_are_no_example_are_told(message):
    with pytest.raises(FeaturesError, match=r"a record is not a tf\.train\.Example: .*"):
        read_example(message)
    with pytest.raises(FeaturesError, match=r"a record is not a tf\.train\.SequenceExample: .*"):
        read_sequence_example(message)


@given(st.binary(max_size=60))
@settings(quick, max_examples=200)
def test_any_bytes_are_an_example_or_told(data):
    for read in (read_example, read_sequence_example):
        try:
            read(data)
        except FeaturesError as error:
            assert "a record is not" in str(error)


def test_a_record_file_cut_anywhere_tells_how_many_records_are_whole(tmp_path):
    path = tmp_path / "a.tfrecord"
    pieces = [record(b"first"), record(b""), record(b"the third")]
    data = b"".join(pieces)
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends) - 1
        if length in ends:
            assert len(list(records(path))) == whole
            continue
        came = []
        with pytest.raises(FeaturesError, match=rf"record {whole + 1} \(after {whole} whole records?\).*cut short"):
            came.extend(records(path))
        got = []
        with pytest.raises(FeaturesError):
            for item in records(path):
                got.append(item)
        assert len(got) == whole


def test_damaged_records_never_come_through(tmp_path):
    path = tmp_path / "a.tfrecord"
    data = record(b"first") + record(b"second")
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(FeaturesError, match=rf"{path}, byte \d+: .*checksum"):
            list(records(path))


def test_a_compressed_record_file_says_what_to_do(tmp_path):
    import gzip

    path = tmp_path / "a.tfrecord.gz"
    path.write_bytes(gzip.compress(record(b"first")))
    with pytest.raises(FeaturesError, match=r"compressed with gzip.*gunzip"):
        list(records(path))


# --- BigFile --------------------------------------------------------------------------------------------------------


def bigfile(folder, ids: list[str], vectors: np.ndarray):
    folder.mkdir(exist_ok=True)
    (folder / "shape.txt").write_text(f"{vectors.shape[0]} {vectors.shape[1]}\n")
    (folder / "id.txt").write_bytes(" ".join(ids).encode("iso-8859-1"))
    vectors.astype("<f4").tofile(folder / "feature.bin")
    return folder


word = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), min_size=1, max_size=5)


@quick
@given(ids=st.lists(word, min_size=1, max_size=6, unique=True), dim=st.integers(1, 4), data=st.data())
def test_vectors_are_read_by_name_in_any_order(ids, dim, data, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(len(ids), dim)).astype(np.float32)
    big = BigFile(bigfile(tmp_path / "f", ids, vectors))
    assert big.names == ids and big.dim == dim and len(big) == len(ids)
    order = data.draw(st.permutations(ids))
    rows = [ids.index(name) for name in order]
    np.testing.assert_array_equal(big.get(order), vectors[rows])
    assert big[ids[-1]].dtype == np.float32 and big[ids[-1]].shape == (dim,)
    np.testing.assert_array_equal(big[ids[-1]], vectors[-1])
    assert big.get([]).shape == (0, dim)
    assert "no such name" not in big and ids[0] in big


def test_what_is_read_can_be_written_to_without_changing_the_file(tmp_path):
    big = BigFile(bigfile(tmp_path / "f", ["a"], np.ones((1, 2))))
    vector = big["a"]
    vector += 1
    assert big["a"].tolist() == [1, 1]


def test_names_that_the_folder_lacks_are_told_together(tmp_path):
    big = BigFile(bigfile(tmp_path / "f", ["a", "b"], np.zeros((2, 3))))
    with pytest.raises(FeaturesError, match="has no features of c, d, e … and 1 more; it holds 2 names"):
        big.get(["a", "c", "d", "e", "f"])


def test_a_feature_folder_that_contradicts_itself_tells_everything(tmp_path):
    folder = bigfile(tmp_path / "f", ["a", "b", "a"], np.zeros((3, 2)))
    (folder / "shape.txt").write_text("4 2")
    with pytest.raises(FeaturesError) as caught:
        BigFile(folder)
    told = "\n".join(caught.value.problems)
    assert "says 4 rows, id.txt has 3 names" in told
    assert "24 bytes, 4 × 2 float32 take 32" in told
    assert "names 1 twice: a" in told


@pytest.mark.parametrize("text", ["", "3", "3 2 1", "a b", "-1 2", "0 2", "3 0", "3.0 2", "9" * 200])
def test_shapes_that_are_none_are_told(text, tmp_path):
    folder = bigfile(tmp_path / "f", ["a"], np.zeros((1, 1)))
    (folder / "shape.txt").write_text(text)
    with pytest.raises(FeaturesError, match=r"shape\.txt says .*two numbers above 0"):
        BigFile(folder)


def test_a_feature_folder_cut_short_or_incomplete_is_told(tmp_path):
    folder = bigfile(tmp_path / "f", ["a", "b"], np.zeros((2, 2)))
    data = (folder / "feature.bin").read_bytes()
    for length in range(len(data)):
        (folder / "feature.bin").write_bytes(data[:length])
        with pytest.raises(FeaturesError, match=f"has {length} bytes, 2 × 2 float32 take 16"):
            BigFile(folder)
    (folder / "feature.bin").unlink()
    (folder / "id.txt").unlink()
    with pytest.raises(FeaturesError, match=r"has no id\.txt, feature\.bin"):
        BigFile(folder)
