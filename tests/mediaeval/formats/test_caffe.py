""".caffemodel files: written here from the schema, read back, cut short and damaged."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mediaeval.errors import WeightsError
from mediaeval.formats.caffe import is_caffe, read_caffe, read_layers
from mediaeval.weights.read import read_weights
from tests.mediaeval.formats.caffemodel import blob, caffemodel, field, layer, network_file, varint

pytestmark = pytest.mark.integration

# A file in tmp_path is written anew by every example
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

floats = npst.arrays(np.float32, npst.array_shapes(max_dims=5, max_side=4), elements=st.floats(width=32))
DIALECTS = ["layer", "V1", "V0"]

CONV = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)
MATRIX = np.arange(8, dtype=np.float32).reshape(2, 4) / 8
BIAS = np.array([0.5, -1.0], np.float32)
NET = {"conv1": [CONV, BIAS], "fc8_twitter": [MATRIX, BIAS]}


@pytest.fixture
def write(tmp_path):
    def write(data: bytes, name: str = "net.caffemodel"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


@quick
@given(
    arrays=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=8), st.lists(floats, min_size=1, max_size=3), min_size=1
    ),
    dialect=st.sampled_from(DIALECTS),
    packed=st.booleans(),
    double=st.booleans(),
    gradient=st.booleans(),
)
def test_what_was_written_is_read(write, arrays, dialect, packed, double, gradient):
    layers = [
        layer(name, [blob(a, packed=packed, double=double, gradient=gradient) for a in blobs], "", dialect)
        for name, blobs in arrays.items()
    ]
    read = read_caffe(write(caffemodel(layers)))
    wanted = {
        f"{name}/{('weight', 'bias', '2')[k]}": array for name, blobs in arrays.items() for k, array in enumerate(blobs)
    }
    assert list(read) == list(wanted)
    for key, array in wanted.items():
        assert read[key].dtype == np.float32
        np.testing.assert_array_equal(read[key], array)
    assert read_layers(write(caffemodel(layers))) == list(arrays)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("legacy", [False, True])
def test_old_files_have_the_same_shapes(write, dialect, legacy):
    """Of old, a matrix is (1, 1, out, in) and a bias (1, 1, 1, out); a convolution has four axes anyway."""
    read = read_caffe(write(network_file(NET, dialect=dialect, legacy=legacy)))
    assert {key: array.shape for key, array in read.items()} == {
        "conv1/weight": (2, 3, 2, 2),
        "conv1/bias": (2,),
        "fc8_twitter/weight": (2, 4),
        "fc8_twitter/bias": (2,),
    }
    np.testing.assert_array_equal(read["fc8_twitter/weight"], MATRIX)


def test_ones_that_mean_something_stay(write):
    """One output of an inner product; a convolution from one channel to one; a layer of another type."""
    one = np.ones((1, 1, 1, 4), np.float32)
    data = caffemodel(
        [
            layer("one", [blob(one), blob(one[..., :1])], "InnerProduct"),
            layer("grey", [blob(one), blob(one[..., :1])], "Convolution"),
            layer("other", [blob(one), blob(one)], "Bias"),
        ]
    )
    assert {key: array.shape for key, array in read_caffe(write(data)).items()} == {
        "one/weight": (1, 4),
        "one/bias": (1,),
        "grey/weight": (1, 1, 1, 4),
        "grey/bias": (1,),
        "other/weight": (1, 1, 1, 4),
        "other/bias": (1, 1, 1, 4),
    }


def test_layers_without_weights_are_in_the_networks_order(write):
    assert read_layers(write(network_file(NET))) == ["conv1", "pool1", "norm1", "fc8_twitter"]


def test_a_list_in_parts_is_one_list(write):
    """protobuf allows a packed list to be written in pieces, and a shape's numbers one by one."""
    shape = field(7, varint(1 << 3) + varint(2) + varint(1 << 3) + varint(2))
    data = shape + field(5, np.float32([1, 2, 3]).tobytes()) + varint(5 << 3 | 5) + np.float32(4).tobytes()
    read = read_caffe(write(caffemodel([layer("a", [data])])))
    np.testing.assert_array_equal(read["a/weight"], [[1, 2], [3, 4]])


def test_the_arrays_are_their_own(write):
    """They may be written to, and outlive the file."""
    path = write(network_file(NET))
    read = read_caffe(path)
    path.unlink()
    assert all(array.flags.owndata or array.base.flags.owndata for array in read.values())
    assert all(array.flags.writeable and array.flags.aligned for array in read.values())


def test_the_file_takes_no_memory_beyond_its_arrays(write):
    large = {f"fc{k}": [np.ones((1000, 500), np.float32), BIAS] for k in (6, 7, 8)}
    path = write(network_file(large))
    tracemalloc.start()
    read = read_caffe(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < sum(array.nbytes for array in read.values()) + 2**20


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b'name: "CaffeNet"\nlayer {\n  name: "conv1"\n}\n', r"is text: a \.prototxt .* Give the \.caffemodel"),
        (caffemodel([]) + b"\x00", r"cannot be read as a \.caffemodel \(byte .*field number 0.*cut short, damaged"),
        (network_file(NET)[:-3], r"cannot be read .*a value of \d+ bytes, but \d+ are left"),
        (caffemodel([layer("relu1", kind="ReLU")]), "holds no layer with weights"),
        (
            caffemodel([layer("conv1", [field(7, field(1, bytes([2, 3]))) + field(5, bytes(20))])]),
            r"conv1/weight has shape \(2, 3\) but 5 numbers",
        ),
        (caffemodel([layer("a", [field(7, field(1, bytes([2])))])]), r"a/weight has shape \(2,\) but 0 numbers"),
        (caffemodel([layer("a", [field(1, 1) + field(5, bytes(4))])]), r"a/weight has shape \(1, 0, 0, 0\)"),
        (caffemodel([layer("a", [field(7, field(1, varint(-1))) + field(5, bytes(4))])]), r"has shape \(-1,\)"),
        (caffemodel([layer("a", [field(7, field(1, varint(2**62))) + field(5, bytes(4))])]), r"but 1 numbers"),
        (
            caffemodel([layer("a", [field(7, field(1, bytes(0))) + field(5, bytes(6))])]),
            "6 bytes, .*multiple of 4",
        ),
        (
            caffemodel([layer("a", [field(7, field(1, bytes(0))) + field(8, bytes(12))])]),
            "12 bytes, .*multiple of 8",
        ),
        (
            caffemodel([layer("a", [blob(BIAS)]), layer("a", [blob(MATRIX)])]),
            r"two layers have the name 'a', and a/weight is \(2,\) in one and \(2, 4\) in the other",
        ),
        (field(100, field(1, b"\xff\xfe") + field(7, blob(BIAS))), "is not UTF-8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_other_files_are_refused(write, data, message):
    path = write(data)
    with pytest.raises(WeightsError, match=message) as error:
        read_caffe(path)
    assert all(problem.startswith(str(path)) for problem in error.value.problems)


def test_of_two_layers_of_one_name_the_last_counts(write):
    read = read_caffe(write(caffemodel([layer("a", [blob(BIAS)]), layer("a", [blob(BIAS + 1)])])))
    np.testing.assert_array_equal(read["a/weight"], BIAS + 1)


@quick
@given(st.data())
def test_damage_is_told_or_changes_numbers_alone(write, data):
    """Whatever the bytes are: arrays that the file has room for, or a WeightsError."""
    whole = bytearray(network_file(NET))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = write(bytes(whole[: data.draw(st.integers(1, len(whole)))]))
    try:
        read = read_caffe(path)
    except WeightsError:
        return
    assert 0 < sum(array.nbytes for array in read.values()) <= len(whole)


# --- through read_weights -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["net.caffemodel", "caffe_sentibank_train_iter_250000"])
def test_the_suffix_says_what_it_is_and_deepsentibanks_has_none(write, name):
    path = write(network_file(NET), name)
    assert is_caffe(path)
    state = read_weights(path, "extractor 'x'")
    torch.testing.assert_close(state["fc8_twitter/weight"], torch.from_numpy(MATRIX))


def test_a_file_of_pytorchs_without_suffix_is_still_one(tmp_path):
    for zipped in (True, False):
        path = tmp_path / "weights"
        torch.save({"a.weight": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped)
        assert list(read_weights(path, "extractor 'x'")) == ["a.weight"]


def test_a_message_names_who_asks(write):
    with pytest.raises(WeightsError, match=r"^system 'caffenet': .*net\.caffemodel is text"):
        read_weights(write(b"name: 'CaffeNet'"), "system 'caffenet'")
