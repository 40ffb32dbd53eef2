"""The YouTube-8M classifier: feature Y of Pournaras et al. 2021, 3862 probabilities of what a video shows.

Inception vectors go through YouTube-8M's own PCA and 8-bit round trip (google/youtube-8m, `feature_extractor`), so that
an image's vector is of the kind that the network was trained on; then a network with one convolution over the vector,
as in bmezaris/subclass_deep_neural_networks. Its weights are not published; `mediaeval pretrain yt8m` trains them.

n, B vectors; L their width: 1024 (images after PCA), 1152 (with 128 of sound) or 2048 (images without PCA).
"""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, normalize

from mediaeval.errors import FeaturesError, WeightsError, choose, first_few, first_line
from mediaeval.formats.bounded import most_unpacked
from submission.reading import open_regular

INCEPTION, PICTURE, SOUND = 2048, 1024, 128  # widths of the vectors
CLASSES = 3862
FILTERS = 64
NOISE = 0.03  # standard deviation, on vectors of length 1
LIMIT = 2.0  # the 8-bit code covers -LIMIT..LIMIT
STEP = 2 * LIMIT / 255
FLATTEN = ("channels_first", "channels_last")

_PCA_FILES = ("mean.npy", "eigenvals.npy", "eigenvecs.npy")
_LARGEST = 100 * 2**20  # bytes of one of them; 2048 × 2048 float64 is 34 MB
_CHUNK = 64  # rows at once: the convolution then takes 17 MB


@dataclass(frozen=True)
class Pca:
    """The principal components of YouTube-8M's frames, float32."""

    mean: np.ndarray  # (2048,)
    vectors: np.ndarray  # (2048, 1024), a component per column
    scale: np.ndarray  # (1024,), the standard deviation of each component

    def project(self, x: np.ndarray) -> np.ndarray:
        """Return whitened components, float32 (n, 1024), of Inception vectors (n, 2048)."""
        return (np.asarray(x, np.float32) - self.mean) @ self.vectors / self.scale


def read_pca(path: Path) -> Pca:
    """Read YouTube-8M's PCA from `yt8m_pca.tgz`, or from a folder with its files.

    The mean is column 0 of mean.npy; variances are the first 1024 of column 0 of eigenvals.npy; components the first
    1024 columns of the transpose of eigenvecs.npy. Raises WeightsError, all problems at once.
    """
    path = Path(path)
    files = _read_folder(path) if path.is_dir() else _read_archive(path)
    arrays: dict[str, np.ndarray] = {}
    problems: list[str] = []
    expected = {"mean.npy": "(2048, 1)", "eigenvals.npy": "(1024 or more, 1)", "eigenvecs.npy": "(1024 or more, 2048)"}
    for name in _PCA_FILES:
        if name not in files:
            problems.append(f"{path}: {name} is missing.")
            continue
        try:
            array = np.lib.format.read_array(io.BytesIO(files[name]), allow_pickle=False)
        except Exception as error:  # NumPy evaluates the header, which raises many exception types
            problems.append(f"{path}: {name} cannot be read as an array ({first_line(error)}).")
            continue
        rows, columns = array.shape if array.ndim == 2 else (0, 0)
        fits = {
            "mean.npy": rows == INCEPTION and columns >= 1,
            "eigenvals.npy": rows >= PICTURE and columns >= 1,
            "eigenvecs.npy": rows >= PICTURE and columns == INCEPTION,
        }
        if array.dtype.kind != "f" or not fits[name]:
            problems.append(f"{path}: {name}: got {array.shape} {array.dtype}; expected {expected[name]} of floats.")
        elif not np.isfinite(array).all():
            problems.append(f"{path}: {name} has numbers that are NaN or infinite.")
        arrays[name] = array
    if not problems and arrays["eigenvals.npy"][:PICTURE, 0].min() < 0:
        problems.append(f"{path}: eigenvals.npy has negative variances.")
    if problems:
        raise WeightsError(*problems, "Download yt8m_pca.tgz of YouTube-8M again.")
    return Pca(
        arrays["mean.npy"][:, 0].astype(np.float32),
        arrays["eigenvecs.npy"].T[:, :PICTURE].astype(np.float32),
        np.sqrt(arrays["eigenvals.npy"][:PICTURE, 0] + 1e-4).astype(np.float32),
    )


def _read_folder(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in _PCA_FILES if (path / name).is_file()}


def _read_archive(path: Path) -> dict[str, bytes]:
    """Return the members of an archive by base name; nothing is unpacked onto the disk."""
    found: dict[str, bytes] = {}
    try:
        left = most_unpacked(path.stat().st_size)
        with open_regular(path) as file, tarfile.open(fileobj=file) as archive:
            for member in archive:
                left -= member.size  # a member that is passed over is decompressed, too
                if left < 0:
                    raise WeightsError(f"{path} would unpack to far more than it has. Download it again.")
                name = PurePosixPath(member.name).name
                if not member.isfile() or name not in _PCA_FILES:
                    continue
                if name in found:
                    raise WeightsError(f"{path} contains {name} twice. Download yt8m_pca.tgz of YouTube-8M again.")
                if member.size > _LARGEST:
                    raise WeightsError(f"{path}: {name} has {member.size} bytes; expected at most {_LARGEST}.")
                content = archive.extractfile(member)
                assert content is not None, "a member that is a file has content"
                found[name] = content.read()
    except FileNotFoundError as error:
        raise WeightsError(
            f"{path} does not exist. Give yt8m_pca.tgz of YouTube-8M, or a folder with its files."
        ) from error
    except WeightsError:
        raise
    except Exception as error:  # tarfile and its decompressors raise many exception types
        raise WeightsError(f"{path} cannot be read as yt8m_pca.tgz ({error}). Download it again.") from error
    return found


def quantise(x: np.ndarray) -> np.ndarray:
    """Return components as YouTube-8M stores them, uint8: clipped to -2..2, rounded down to a step of 4/255.

    `dequantise` returns the middle of a step. (The extractor that was published for one's own videos rounds to the
    nearest step, so that its numbers are half a step too high.)
    """
    steps = (np.clip(np.asarray(x, np.float32), -LIMIT, LIMIT) + LIMIT) * np.float32(1 / STEP)  # 63.75, exact
    return steps.astype(np.uint8)


def dequantise(q: np.ndarray) -> np.ndarray:
    """Return float32 from the 8-bit code: q · 4/255 + 4/512 − 2. Off by at most .0079 where -2 ≤ x ≤ 2."""
    return np.asarray(q).astype(np.float32) * np.float32(STEP) + np.float32(2 * LIMIT / 512 - LIMIT)


class YT8MHead(nn.Module):
    """(B, L) → logits (B, classes); an L of 1152 is 1024 of images beside 128 of sound, each brought to length 1.

    For 3862 classes: 126.6 M parameters at L = 1024, 142.4 M at 1152, 253 M at 2048. In training Gaussian noise is
    added to the vector of length 1, and the sum brought to length 1 again.
    """

    def __init__(self, classes: int = CLASSES, width: int = PICTURE, *, dropout: float = 0.3):
        super().__init__()
        self.width = width
        self.parts = [PICTURE, SOUND] if width == PICTURE + SOUND else [width]
        self.conv = nn.Conv1d(1, FILTERS, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(FILTERS * (width // 2), classes)
        for layer in (self.conv, self.dense):  # Keras' defaults, which the public code does not change
            assert layer.bias is not None, "both layers have biases"
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([normalize(part, dim=1) for part in x.split(self.parts, dim=1)], dim=1)
        if self.training:
            x = x + NOISE * torch.randn_like(x)
        x = normalize(x, dim=1)
        x = max_pool1d(self.conv(x[:, None, :]).relu(), 2)  # (B, 64, L / 2)
        return self.dense(self.dropout(x).flatten(1))


def load_head(
    state: Mapping[str, Tensor], owner: str, source: Path | str, *, flatten: str = "channels_first"
) -> YT8MHead:
    """Return the network with the weights of a file, in eval mode. Its four tensors are recognised by their shapes.

    PyTorch's layout is conv (64, 1, 3), dense (classes, 32 L); Keras' is conv (3, 1, 64), dense (32 L, classes), with
    index position · 64 + channel, and is rearranged. `flatten`: "channels_last" for a file in PyTorch's layout that
    has Keras' index, too. `owner` and `source`, the file, are for messages. Raises WeightsError for a file of another
    network.
    """
    choose("flatten", flatten, FLATTEN)
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    kernels = [key for key, shape in shapes.items() if shape in ((FILTERS, 1, 3), (3, 1, FILTERS))]
    dense = [key for key, shape in shapes.items() if len(shape) == 2]
    keras = len(kernels) == 1 and shapes[kernels[0]] == (3, 1, FILTERS)
    classes, flat = (shapes[dense[0]][::-1] if keras else shapes[dense[0]]) if len(dense) == 1 else (0, 0)
    conv_biases = [key for key, shape in shapes.items() if shape == (FILTERS,)]
    dense_biases = [key for key, shape in shapes.items() if shape == (classes,)]
    alone = len(kernels) == len(dense) == len(conv_biases) == len(dense_biases) == 1
    if not alone or len(state) != 4 or flat == 0 or flat % FILTERS or conv_biases == dense_biases:
        tensors = first_few([f"{key} {shape}" for key, shape in shapes.items()], 6) or "no tensors"
        raise WeightsError(
            f"{owner}: {source} is not a YouTube-8M classifier.",
            f"  got: {tensors}",
            "  expected: four tensors; PyTorch's (64, 1, 3), (64,), "
            f"(classes, {FILTERS * PICTURE // 2}), (classes,), or Keras' (3, 1, 64), (64,), "
            f"({FILTERS * PICTURE // 2}, classes), (classes,); of a width of 1024",
        )
    conv, matrix = state[kernels[0]], state[dense[0]]
    if keras:
        conv, matrix = conv.permute(2, 1, 0), matrix.T
    if keras or flatten == "channels_last":
        matrix = matrix.reshape(classes, flat // FILTERS, FILTERS).transpose(1, 2).reshape(classes, flat)
    with torch.device("meta"):  # shapes without memory: half a gigabyte would be drawn only to be overwritten
        head = YT8MHead(classes, 2 * flat // FILTERS)
    own = {
        "conv.weight": conv,
        "conv.bias": state[conv_biases[0]],
        "dense.weight": matrix,
        "dense.bias": state[dense_biases[0]],
    }
    head.load_state_dict({key: tensor.float().contiguous() for key, tensor in own.items()}, assign=True)
    return head.eval()


@torch.no_grad()
def scores(head: YT8MHead, pca: Pca | None, x: np.ndarray) -> np.ndarray:
    """Return Y, probabilities 0..1, float32 (n, classes), of Inception vectors (n, 2048).

    With a PCA, its components go through the 8-bit round trip into a head of width 1024; without one, the vectors
    themselves go into a head of width 2048. Raises WeightsError for a head of another width, FeaturesError for vectors
    of another width, and for NaN or infinite numbers.
    """
    expected = INCEPTION if pca is None else PICTURE
    if head.width != expected:
        why = {
            PICTURE + SOUND: "It was trained with sound, and images have none.",
            PICTURE: "It reads components: give yt8m_pca.tgz.",
            INCEPTION: "It reads Inception's vectors as they are: leave the PCA out.",
        }.get(head.width, "")
        raise WeightsError(
            f"got a YouTube-8M classifier of width {head.width}; expected one of width {expected}. {why}".rstrip()
        )
    x = np.asarray(x, np.float32)
    if x.ndim != 2 or x.shape[1] != INCEPTION:
        raise FeaturesError(f"Inception vectors: got shape {x.shape}; expected (images, {INCEPTION}).")
    if not np.isfinite(x).all():
        raise FeaturesError("Inception vectors have numbers that are NaN or infinite.")
    if pca is not None:
        x = dequantise(quantise(pca.project(x)))
    head.eval()  # without dropout and noise
    device = next(head.parameters()).device
    chunks = [head(torch.from_numpy(x[k : k + _CHUNK]).to(device)).sigmoid().cpu() for k in range(0, len(x), _CHUNK)]
    return torch.cat(chunks).numpy() if chunks else np.zeros((0, head.dense.out_features), np.float32)
