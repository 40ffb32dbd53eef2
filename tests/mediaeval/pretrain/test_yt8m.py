"""Training feature Y: loss and metric as formulas, records that can be used and not, and a set that can be learned."""

import struct

import google_crc32c
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from mediaeval.errors import ConfigError, DatasetError
from mediaeval.features.networks.yt8m import load_head
from mediaeval.pretrain.run import pretrain
from mediaeval.pretrain.yt8m import Gap, cross_entropy
from mediaeval.pretrain.yt8m_records import Example, read_examples, shuffled
from mediaeval.weights.read import read_weights

pytestmark = pytest.mark.integration

CPU = torch.device("cpu")


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
    a, b, c = read_examples([path], classes=4)
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
        (video(X[:128], [1]), "mean_rgb: got 128 values; expected 1024 floats"),
        (video(X + np.inf, [1]), "its vector has NaN or infinite values"),
        (field(1, features({"mean_rgb": X})), "it has no labels. The test files of YouTube-8M"),
        (frames(np.zeros((1, 100), np.uint8), [1]), "frame 0 of rgb is not a string of 1024 bytes"),
        (frames(np.zeros((0, 1024), np.uint8), [1]), "rgb has no frames"),
        (field(1, features({"image/encoded": b"x"})), "got 'image/encoded'; expected mean_rgb"),
        (b"\xff\xff", "record 1: "),
    ],
)
def test_records_that_cannot_be_used_are_reported_before_training(tmp_path, record, message):
    write_records(tmp_path / "train0.tfrecord", [record])
    write_records(tmp_path / "validate0.tfrecord", [record])
    with pytest.raises(DatasetError, match=message) as raised:
        pretrain("yt8m", tmp_path, tmp_path / "y.safetensors", classes=4)
    assert "train0" in str(raised.value) and "validate0" in str(raised.value), "all files at once"
    assert not list(tmp_path.glob("y.*"))


def test_a_folder_without_files_to_train_on_is_reported(tmp_path):
    with pytest.raises(DatasetError, match=r"got no .tfrecord file; expected files of YouTube-8M named train"):
        pretrain("yt8m", tmp_path, tmp_path / "y.safetensors")
    write_records(tmp_path / "test0.tfrecord", [])
    with pytest.raises(DatasetError, match=r"got 1 other .tfrecord files, such as test0.tfrecord"):
        pretrain("yt8m", tmp_path, tmp_path / "y.safetensors")


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
    history = pretrain("yt8m", planted, tmp_path / "y.safetensors", **SMALL)
    assert history[-1]["loss"] < history[0]["loss"]
    assert max(row["gap"] for row in history) > 3 * 1.5 / 8
    head = load_head(read_weights(tmp_path / "y.safetensors", "extractor 'y'"), "extractor 'y'", "y.safetensors")
    gap = Gap()
    for example in read_examples([planted / "validate0.tfrecord"], 8):
        with torch.no_grad():
            logits = head(torch.from_numpy(example.x)[None]).numpy()
        gap.add(logits, np.isin(np.arange(8), example.labels)[None])
    assert gap.value() == pytest.approx(max(row["gap"] for row in history), abs=1e-6), "the best epoch is kept"


def test_an_l2_term_shrinks_the_kernels(planted, tmp_path):
    sizes = []
    for l2 in (0.0, 0.5):
        out = tmp_path / f"{l2}.safetensors"
        pretrain("yt8m", planted, out, **SMALL | {"epochs": 1}, l2=l2)
        sizes.append(read_weights(out, "extractor 'y'")["dense.weight"].square().sum())
    assert sizes[1] < sizes[0] / 2


def test_without_validation_the_last_epoch_is_kept_and_nothing_is_scored(planted, tmp_path):
    write_records(tmp_path / "train0.tfrecord", [video(X + 1, [0])])
    history = pretrain("yt8m", tmp_path, tmp_path / "y.safetensors", **SMALL | {"epochs": 1})
    assert set(history[0]) == {"epoch", "lr", "loss"}


def test_scores_that_are_not_finite_stop_the_training(planted, tmp_path):
    with pytest.raises(ConfigError, match=r"scores of validation became NaN or infinite after epoch 1 of \d+; nothing"):
        pretrain("yt8m", planted, tmp_path / "y.safetensors", **SMALL | {"batch_size": 200}, lr=1e37)
    assert not list(tmp_path.glob("y.*"))


def test_resuming_with_other_classes_names_them(planted, tmp_path):
    class Killed(BaseException):
        pass

    def kill(done, total, note):
        if done == 1:
            raise Killed

    with pytest.raises(Killed):
        pretrain("yt8m", planted, tmp_path / "y.safetensors", **SMALL, on_progress=kill)
    with pytest.raises(ConfigError, match=r"other settings(.|\n)*classes: was 8, now 9"):
        pretrain("yt8m", planted, tmp_path / "y.safetensors", **SMALL | {"classes": 9}, resume=True)


def test_settings_that_cannot_be_are_reported_together(tmp_path):
    with pytest.raises(ConfigError, match=r"epochs: got 0(.|\n)*lr: got -1(.|\n)*buffer: got 0"):
        pretrain("yt8m", tmp_path, tmp_path / "y.safetensors", epochs=0, lr=-1, buffer=0)
