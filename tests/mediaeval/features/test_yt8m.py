"""Feature Y: its formulas against numpy, and files in both layouts."""

import io
import tarfile

import numpy as np
import pytest
import torch

from mediaeval.errors import ConfigError, FeaturesError, WeightsError
from mediaeval.features.networks.yt8m import (
    YT8MHead,
    dequantise,
    load_head,
    quantise,
    read_pca,
    scores,
)

pytestmark = pytest.mark.integration

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
        ({"mean": None}, "mean.npy is missing"),
        ({"mean": np.zeros((1024, 1))}, r"mean.npy: got \(1024, 1\) float64; expected \(2048, 1\)"),
        (
            {"eigenvals": np.ones((5, 1)), "mean": np.zeros(2048)},
            r"mean.npy: got \(2048,\)(.|\n)*eigenvals.npy: got \(5, 1\)",
        ),
        ({"eigenvals": -np.ones((1024, 1))}, "negative variances"),
        ({"eigenvecs": np.full((1024, 2048), np.nan)}, "eigenvecs.npy has numbers that are NaN or infinite"),
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
    with pytest.raises(WeightsError, match=r"does not exist. Give yt8m_pca.tgz"):
        read_pca(tmp_path / "no.tgz")
    (tmp_path / "text.tgz").write_text("<html>404</html>")
    with pytest.raises(WeightsError, match=r"cannot be read as yt8m_pca.tgz"):
        read_pca(tmp_path / "text.tgz")
    mean = npy(np.zeros((2048, 1)))
    with pytest.raises(WeightsError, match=r"contains mean.npy twice"):
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
    with pytest.raises(WeightsError, match=r"extractor 'y': y.pth is not a YouTube-8M classifier(.|\n)*got: 0.weight"):
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
    with pytest.raises(WeightsError, match=r"width 1152; expected one of width 2048. It was trained with sound"):
        scores(YT8MHead(1, 1152), None, x)
    with pytest.raises(WeightsError, match=r"width 1024; expected(.|\n)*give yt8m_pca.tgz"):
        scores(YT8MHead(1, 1024), None, x)
    head = YT8MHead(1, 2048)
    with pytest.raises(FeaturesError, match=r"\(1, 1024\); expected \(images, 2048\)"):
        scores(head, None, x[:, :1024])
    with pytest.raises(FeaturesError, match=r"NaN or infinite"):
        scores(head, None, x + np.nan)
