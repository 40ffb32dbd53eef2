"""Feature Y: its formulas against numpy, files in both layouts, and training on TFRecords with a planted answer."""

import io
import struct
import tarfile

import google_crc32c
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from mediaeval.errors import ConfigError, DatasetError, FeaturesError, WeightsError
from mediaeval.features.networks.yt8m import (
    YT8MHead,
    dequantise,
    load_head,
    quantise,
    read_pca,
    scores,
)
from mediaeval.pretrain.yt8m import Example, Gap, cross_entropy, examples, shuffled, train_yt8m
from mediaeval.weights.read import read_weights

CPU = torch.device("cpu")

# --- PCA and the 8-bit round trip ----------------------------------------------------------------------------------


def pca_arrays(**changed) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {
        "mean": rng.random((2048, 1)),
        "eigenvals": rng.random((2048, 1)) + 0.1,
        "eigenvecs": rng.normal(size=(1030, 2048)) / 45,
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()} | changed


def npy(array: np.ndarray) -> bytes:
    np.save(buffer := io.BytesIO(), array)
    return buffer.getvalue()


def write_tar(path, members: list[tuple[str, bytes]]):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_the_pca_is_read_from_an_archive_or_a_folder_and_projects_by_the_formula(tmp_path):
    arrays = pca_arrays()
    files = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    archive = write_tar(tmp_path / "yt8m_pca.tgz", [(f"../yt8m/{name}", data) for name, data in files.items()])
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    x = np.random.default_rng(1).random((3, 2048)).astype(np.float32)
    a, b = (read_pca(path).project(x) for path in (archive, folder))
    V = arrays["eigenvecs"].T[:, :1024].astype(np.float64)
    expected = (x - arrays["mean"][:, 0]) @ V / np.sqrt(arrays["eigenvals"][:1024, 0] + 1e-4)
    np.testing.assert_allclose(a, expected, atol=1e-4)
    np.testing.assert_array_equal(a, b)
    assert a.dtype == np.float32 and a.shape == (3, 1024)
    assert {path.name for path in tmp_path.iterdir()} == {"yt8m_pca.tgz", "unpacked"}, "nothing is unpacked"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": None}, "mean.npy is absent"),
        ({"mean": np.zeros((1024, 1))}, r"mean.npy is \(1024, 1\) float64, wanted \(2048, 1\)"),
        (
            {"eigenvals": np.ones((5, 1)), "mean": np.zeros(2048)},
            r"mean.npy is \(2048,\)(.|\n)*eigenvals.npy is \(5, 1\)",
        ),
        ({"eigenvals": -np.ones((1024, 1))}, "variances below 0"),
        ({"eigenvecs": np.full((1024, 2048), np.nan)}, "eigenvecs.npy has numbers that are not finite"),
        ({"mean": np.array([[{}]] * 2048, object)}, "mean.npy cannot be read as an array"),
    ],
)
def test_a_pca_that_cannot_be_used_says_why(tmp_path, change, message):
    for name, array in pca_arrays(**change).items():
        if array is not None:
            (tmp_path / f"{name}.npy").write_bytes(npy(array))
    with pytest.raises(WeightsError, match=message):
        read_pca(tmp_path)


def test_archives_that_are_damaged_double_or_absent_are_told(tmp_path):
    with pytest.raises(WeightsError, match=r"is not there. Give yt8m_pca.tgz"):
        read_pca(tmp_path / "no.tgz")
    (tmp_path / "text.tgz").write_text("<html>404</html>")
    with pytest.raises(WeightsError, match=r"cannot be read as yt8m_pca.tgz"):
        read_pca(tmp_path / "text.tgz")
    mean = npy(np.zeros((2048, 1)))
    with pytest.raises(WeightsError, match=r"mean.npy is in it twice"):
        read_pca(write_tar(tmp_path / "twice.tgz", [("a/mean.npy", mean), ("b/mean.npy", mean)]))
    whole = write_tar(
        tmp_path / "cut.tgz", [("mean.npy", mean), ("eigenvals.npy", np.random.default_rng(0).bytes(9000))]
    )
    whole.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(WeightsError, match=r"cannot be read as yt8m_pca.tgz"):
        read_pca(whole)


def test_the_round_trip_is_off_by_half_a_step_at_most():
    x = np.linspace(-2, 2, 40_001, dtype=np.float32)
    assert (
        np.abs(dequantise(quantise(x)) - x).max() <= 0.0079
    )  # half of 4/255, and the offset's 4/512 − 2/255 = −.00003
    assert quantise(np.array([-9, -2, 2, 9])).tolist() == [0, 0, 255, 255]
    q = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(dequantise(q), [k * 4 / 255 + 4 / 512 - 2 for k in range(256)], atol=1e-6)


# --- the network ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "flat"),
    [(1024, 32_768), (1152, 36_864), (2048, 65_536)],  # 64 filters at half the places
)
def test_the_sizes_are_those_of_the_public_code(width, flat):
    with torch.device("meta"):
        head = YT8MHead(width=width)
        assert head.eval()(torch.zeros(2, width)).shape == (2, 3862)
    assert head.dense.in_features == flat
    assert sum(p.numel() for p in head.parameters()) == (3 * 64 + 64) + (flat + 1) * 3862


def keras_layers(L: int, classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {
        "conv1d/kernel:0": (3, 1, 64),
        "conv1d/bias:0": (64,),
        "dense/kernel:0": (64 * (L // 2), classes),
        "dense/bias:0": (classes,),
    }
    return {name: (rng.normal(size=shape) / 10).astype(np.float32) for name, shape in shapes.items()}


def keras_logits(layers: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Conv1D(same) → ReLU → MaxPooling1D(2) → Flatten (channels last) → Dense, of vectors brought to length 1."""
    kernel, bias, dense, dense_bias = (layer.astype(np.float64) for layer in layers.values())
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1))), 3, axis=1)  # (n, L, 3)
    maps = np.maximum(windows @ kernel[:, 0] + bias, 0)  # (n, L, 64)
    pooled = maps.reshape(len(x), -1, 2, 64).max(axis=2)
    return pooled.reshape(len(x), -1) @ dense + dense_bias


def as_pytorch(layers: dict[str, np.ndarray], flatten: str) -> dict[str, torch.Tensor]:
    kernel, bias, dense, dense_bias = layers.values()
    if flatten == "channels_first":
        dense = dense.reshape(-1, 64, dense.shape[1]).swapaxes(0, 1).reshape(dense.shape)
    state = {"0.weight": kernel.transpose(2, 1, 0), "0.bias": bias, "9.weight": dense.T, "9.bias": dense_bias}
    return {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in state.items()}


@pytest.mark.parametrize("layout", ["keras", "channels_first", "channels_last"])
def test_every_layout_gives_the_logits_of_the_formula(layout):
    layers = keras_layers(L=40, classes=5)
    x = np.random.default_rng(1).normal(size=(3, 40)).astype(np.float32)
    if layout == "keras":
        head = load_head({key: torch.from_numpy(array) for key, array in layers.items()}, "extractor 'y'", "y.h5")
    else:
        head = load_head(as_pytorch(layers, layout), "extractor 'y'", "y.pth", flatten=layout)
    with torch.no_grad():
        np.testing.assert_allclose(head(torch.from_numpy(x)).numpy(), keras_logits(layers, x), atol=1e-5)


def test_what_was_saved_from_the_network_is_read_back():
    torch.manual_seed(0)
    head = YT8MHead(classes=7, width=32).eval()
    x = torch.randn(2, 32)
    with torch.no_grad():
        torch.testing.assert_close(load_head(head.state_dict(), "extractor 'y'", "file")(x), head(x))


@pytest.mark.parametrize(
    "change",
    [
        {"9.bias": None},
        {"9.bias": torch.zeros(6)},
        {"extra": torch.zeros(2)},
        {"0.weight": torch.zeros(64, 1, 5)},
        {"9.weight": torch.zeros(5, 100)},
        {"9.weight": torch.zeros(64, 1280), "9.bias": torch.zeros(64)},  # which bias is which?
    ],
)
def test_a_file_that_is_no_such_network_is_refused_with_what_it_has(change):
    state = as_pytorch(keras_layers(L=40, classes=5), "channels_first") | change
    state = {key: tensor for key, tensor in state.items() if tensor is not None}
    with pytest.raises(WeightsError, match=r"extractor 'y': y.pth is no YouTube-8M classifier(.|\n)*it has: 0.weight"):
        load_head(state, "extractor 'y'", "y.pth")


def test_an_unknown_order_of_the_flat_index_is_told():
    with pytest.raises(ConfigError, match=r"unknown flatten 'channel_last'. Did you mean 'channels_last'"):
        load_head({}, "extractor 'y'", "y.pth", flatten="channel_last")


def test_sound_is_brought_to_length_1_by_itself():
    torch.manual_seed(0)
    head = YT8MHead(classes=2, width=1152).eval()
    x = torch.randn(2, 1152)
    louder = torch.cat([x[:, :1024], 100 * x[:, 1024:]], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(head(louder), head(x))


def test_noise_is_for_training_alone_and_small_beside_a_vector_of_length_1():
    torch.manual_seed(0)
    head = YT8MHead(classes=3, width=64, dropout=0.0)
    x = 50 * torch.randn(1, 64)
    with torch.no_grad():
        plain, again = head.eval()(x), head(x)
        noisy = torch.cat([head.train()(x) for _ in range(200)])
    torch.testing.assert_close(plain, again, rtol=0, atol=0)
    assert (noisy.std(dim=0) > 1e-4).all()
    torch.testing.assert_close(noisy.mean(dim=0), plain[0], atol=0.05, rtol=0)


def test_scores_are_the_whole_way_from_inception_to_probabilities(tmp_path):
    arrays = pca_arrays()
    for name, array in arrays.items():
        (tmp_path / f"{name}.npy").write_bytes(npy(array))
    layers = keras_layers(L=1024, classes=4)
    head = load_head(as_pytorch(layers, "channels_first"), "extractor 'y'", "y.pth")
    x = np.random.default_rng(2).random((70, 2048)).astype(np.float32)  # more than one chunk
    Y = scores(head.train(), read_pca(tmp_path), x)  # train mode must not show

    y = (x - arrays["mean"][:, 0]) @ arrays["eigenvecs"].T[:, :1024] / np.sqrt(arrays["eigenvals"][:1024, 0] + 1e-4)
    q = np.floor((np.clip(y, -2, 2) + 2) * 255 / 4)
    expected = 1 / (1 + np.exp(-keras_logits(layers, q * 4 / 255 + 4 / 512 - 2)))
    assert Y.dtype == np.float32 and Y.shape == (70, 4)
    # where a component lies on the edge of a step, float32 may fall to the other side: 4/255 of one number in 1024
    np.testing.assert_allclose(Y, expected, atol=2e-4)
    unrounded = 1 / (1 + np.exp(-keras_logits(layers, np.clip(y, -2, 2))))
    off, off_unrounded = (np.median(np.abs(Y - other)) for other in (expected, unrounded))
    assert off < off_unrounded / 4, "the round trip shows"
    assert scores(head, read_pca(tmp_path), x[:0]).shape == (0, 4)


def test_a_head_without_pca_reads_inception_itself():
    layers = keras_layers(L=2048, classes=2)
    head = load_head(as_pytorch(layers, "channels_first"), "extractor 'y'", "y.pth")
    x = np.random.default_rng(3).random((2, 2048)).astype(np.float32)
    expected = 1 / (1 + np.exp(-keras_logits(layers, x)))
    np.testing.assert_allclose(scores(head, None, x), expected, atol=1e-5)


def test_heads_and_vectors_that_do_not_belong_together_are_told():
    x = np.zeros((1, 2048), np.float32)
    with pytest.raises(WeightsError, match=r"width 1152 came, one of 2048 is wanted. It was trained with sound"):
        scores(YT8MHead(1, 1152), None, x)
    with pytest.raises(WeightsError, match=r"width 1024 came(.|\n)*give yt8m_pca.tgz"):
        scores(YT8MHead(1, 1024), None, x)
    head = YT8MHead(1, 2048)
    with pytest.raises(FeaturesError, match=r"\(1, 1024\), wanted \(images, 2048\)"):
        scores(head, None, x[:, :1024])
    with pytest.raises(FeaturesError, match=r"not finite"):
        scores(head, None, x + np.nan)


# --- loss and metric -----------------------------------------------------------------------------------------------


def test_the_loss_is_the_formula_even_where_probabilities_are_0_or_1():
    z = torch.tensor([[-2.0, 0.5, 3.0, -40.0, 40.0, 90.0]], dtype=torch.float32, requires_grad=True)
    y = torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]])
    found = cross_entropy(z, y)
    p, q = 1 / (1 + np.exp(-z.detach().double().numpy())), 1 / (1 + np.exp(z.detach().double().numpy()))
    expected = -(y.numpy() * np.log(p + 1e-5) + (1 - y.numpy()) * np.log(q + 1e-5)).sum(axis=1)
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-6)
    found.sum().backward()
    assert z.grad.isfinite().all()


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_gap_of_few_classes_is_average_precision_of_all_pairs(seed, videos, classes):
    """With 20 classes or fewer nothing is left out: scikit-learn's average precision over all pairs, ties included."""
    rng = np.random.default_rng(seed)
    S = rng.integers(0, 6, (videos, classes)).astype(np.float32)  # many ties
    T = rng.random((videos, classes)) < 0.3
    gap = Gap()
    for rows in np.array_split(np.arange(videos), 3):
        if len(rows):
            gap.add(S[rows], T[rows])
    expected = average_precision_score(T.ravel(), S.ravel()) if T.any() else 0.0
    assert gap.value() == pytest.approx(expected, abs=1e-12)


def test_gap_counts_labels_beyond_the_20_as_missed():
    S = np.arange(30, dtype=np.float32)[None]  # the 20 largest are 10 … 29
    T = np.zeros((1, 30), bool)
    T[0, [29, 28, 3]] = True
    gap = Gap()
    gap.add(S, T)
    assert gap.value() == pytest.approx((1 / 1 + 2 / 2) / 3)  # precision at the two hits, over three labels


# --- records -------------------------------------------------------------------------------------------------------


def varint(n: int) -> bytes:
    n %= 2**64
    out = b""
    while n > 127:
        out, n = out + bytes([n % 128 + 128]), n // 128
    return out + bytes([n])


def field(number: int, data: bytes) -> bytes:
    return varint(number * 8 + 2) + varint(len(data)) + data


def feature(value) -> bytes:
    """A tf.train.Feature: of bytes, of floats (an array), or of whole numbers (a list)."""
    if isinstance(value, bytes):
        return field(1, field(1, value))
    if isinstance(value, np.ndarray):
        return field(2, field(1, value.astype("<f4").tobytes()))
    return field(3, field(1, b"".join(map(varint, value))))


def features(values: dict) -> bytes:
    return b"".join(field(1, field(1, k.encode()) + field(2, feature(v))) for k, v in values.items())


def video(x: np.ndarray, labels, **more) -> bytes:
    """A record of a video-level file."""
    return field(1, features({"id": b"ab", "labels": labels, "mean_rgb": x, "mean_audio": np.zeros(128), **more}))


def frames(rows: np.ndarray, labels) -> bytes:
    """A record of a frame-level file; rows uint8 (frames, 1024)."""
    rgb = b"".join(field(1, feature(row.tobytes())) for row in rows)
    lists = field(1, field(1, b"rgb") + field(2, rgb))
    return field(1, features({"id": b"ab", "labels": labels})) + field(2, lists)


def write_records(path, records: list[bytes]):
    def checked(data: bytes) -> bytes:
        crc = google_crc32c.value(data)
        return data + struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)

    path.write_bytes(b"".join(checked(struct.pack("<Q", len(data))) + checked(data) for data in records))
    return path


def test_both_kinds_of_record_are_read(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=1024).astype(np.float32)
    q = rng.integers(0, 256, (400, 1024)).astype(np.uint8)
    path = write_records(tmp_path / "train0.tfrecord", [video(x, [1, 3]), frames(q, [0]), frames(q[:2], [])])
    a, b, c = examples([path], classes=4)
    np.testing.assert_array_equal(a.x, x)
    np.testing.assert_allclose(b.x, (q[:360] * (4 / 255) + 4 / 512 - 2).mean(axis=0), atol=1e-5)  # 360 frames at most
    assert [e.labels.tolist() for e in (a, b, c)] == [[1, 3], [0], []]


X = np.zeros(1024)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (video(X, [4]), r"record 1: label 4 is outside 0 to 3"),
        (video(X, [-1]), r"label -1 is outside 0 to 3"),
        (video(X, b"1"), "its labels are not whole numbers"),
        (video(X[:128], [1]), "mean_rgb has 128 numbers, wanted 1024"),
        (video(X + np.inf, [1]), "not finite"),
        (field(1, features({"mean_rgb": X})), "it has no labels. Files of YouTube-8M's test part"),
        (frames(np.zeros((1, 100), np.uint8), [1]), "frame 0 of rgb is not one string of 1024 bytes"),
        (frames(np.zeros((0, 1024), np.uint8), [1]), "rgb has no frames"),
        (field(1, features({"image/encoded": b"x"})), "it has image/encoded; mean_rgb"),
        (b"\xff\xff", "record 1: "),
    ],
)
def test_records_that_cannot_be_used_are_told_before_training(tmp_path, record, message):
    write_records(tmp_path / "train0.tfrecord", [record])
    write_records(tmp_path / "validate0.tfrecord", [record])
    with pytest.raises(DatasetError, match=message) as raised:
        train_yt8m(tmp_path, tmp_path / "y.safetensors", classes=4)
    assert "train0" in str(raised.value) and "validate0" in str(raised.value), "all files at once"
    assert not list(tmp_path.glob("y.*"))


def test_a_folder_without_files_to_train_on_is_told(tmp_path):
    with pytest.raises(DatasetError, match=r"no .tfrecord file is there. Files named train"):
        train_yt8m(tmp_path, tmp_path / "y.safetensors")
    write_records(tmp_path / "test0.tfrecord", [])
    with pytest.raises(DatasetError, match=r"1 others, such as test0.tfrecord, are there"):
        train_yt8m(tmp_path, tmp_path / "y.safetensors")


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 99))
def test_shuffling_keeps_every_example_and_holds_few(n, size, seed):
    drawn = 0

    def stream():
        nonlocal drawn
        for k in range(n):
            drawn = k + 1
            yield Example(X, k)

    order = []
    for given_out, example in enumerate(shuffled(stream(), size, np.random.default_rng(seed))):
        order.append(example.labels)
        assert drawn - given_out <= size + 1
    assert sorted(order) == list(range(n))
    again = shuffled(stream(), size, np.random.default_rng(seed))
    assert order == [example.labels for example in again], "a seed is an order"


# --- training ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Videos of 8 classes, one or two each: a class is a direction, a video the sum of its own and noise."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(8, 1024))

    def draw(n: int) -> list[bytes]:
        records = []
        for _ in range(n):
            labels = rng.choice(8, rng.integers(1, 3), replace=False)
            x = directions[labels].sum(axis=0) + rng.normal(size=1024)
            records.append(video(x, labels.tolist()))
        return records

    folder = tmp_path_factory.mktemp("yt8m")
    write_records(folder / "train0.tfrecord", draw(100))
    write_records(folder / "train1.tfrecord", draw(100))
    write_records(folder / "validate0.tfrecord", draw(60))
    return folder


SMALL = {"classes": 8, "epochs": 3, "batch_size": 32, "buffer": 64, "device": "cpu"}


def test_training_finds_the_planted_classes(planted, tmp_path):
    """Chance: all pairs equally likely have a GAP of the share of labels, 1.5 of 8. Wanted: three times that."""
    history = train_yt8m(planted, tmp_path / "y.safetensors", **SMALL)
    assert history[-1]["loss"] < history[0]["loss"]
    assert max(row["gap"] for row in history) > 3 * 1.5 / 8
    head = load_head(read_weights(tmp_path / "y.safetensors", "extractor 'y'"), "extractor 'y'", "y.safetensors")
    gap = Gap()
    for example in examples([planted / "validate0.tfrecord"], 8):
        with torch.no_grad():
            logits = head(torch.from_numpy(example.x)[None]).numpy()
        gap.add(logits, np.isin(np.arange(8), example.labels)[None])
    assert gap.value() == pytest.approx(max(row["gap"] for row in history), abs=1e-6), "the best epoch is kept"


def test_an_l2_term_shrinks_the_kernels(planted, tmp_path):
    sizes = []
    for l2 in (0.0, 0.5):
        out = tmp_path / f"{l2}.safetensors"
        train_yt8m(planted, out, **SMALL | {"epochs": 1}, l2=l2)
        sizes.append(read_weights(out, "extractor 'y'")["dense.weight"].square().sum())
    assert sizes[1] < sizes[0] / 2


def test_without_validation_the_last_epoch_is_kept_and_nothing_is_scored(planted, tmp_path):
    write_records(tmp_path / "train0.tfrecord", [video(X + 1, [0])])
    history = train_yt8m(tmp_path, tmp_path / "y.safetensors", **SMALL | {"epochs": 1})
    assert set(history[0]) == {"epoch", "lr", "loss"}


def test_scores_that_are_not_finite_stop_the_training(planted, tmp_path):
    with pytest.raises(ConfigError, match="scores of validation became NaN or infinite after epoch 0; nothing"):
        train_yt8m(planted, tmp_path / "y.safetensors", **SMALL | {"batch_size": 200}, lr=1e37)
    assert not list(tmp_path.glob("y.*"))


def test_resuming_with_other_classes_names_them(planted, tmp_path):
    class Killed(BaseException):
        pass

    def kill(done, total, note):
        if done == 1:
            raise Killed

    with pytest.raises(Killed):
        train_yt8m(planted, tmp_path / "y.safetensors", **SMALL, on_progress=kill)
    with pytest.raises(ConfigError, match=r"other settings(.|\n)*classes: was 8, now 9"):
        train_yt8m(planted, tmp_path / "y.safetensors", **SMALL | {"classes": 9}, resume=True)


def test_settings_that_cannot_be_are_told_together(tmp_path):
    with pytest.raises(ConfigError, match=r"epochs 0: (.|\n)*lr -1: (.|\n)*buffer 0: "):
        train_yt8m(tmp_path, tmp_path / "y.safetensors", epochs=0, lr=-1, buffer=0)
