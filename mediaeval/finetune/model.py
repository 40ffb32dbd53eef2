"""What is trained and saved of a system for a subtask: its network, and the scaler of vectors that it may read."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.errors import FeaturesError, UserError, WeightsError
from mediaeval.features.images import Images
from mediaeval.files import write_atomically
from mediaeval.finetune.build import build_system
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.pictures import OnImage, Photographs, decoded, middle, ten_crops
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.finetune.scoring import EVAL_BATCH, scores_of
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.finetune.training import train_system
from mediaeval.seeding import seeded
from mediaeval.weights.read import load_state
from submission.task import Subtask

METADATA = "system"  # key of the file's metadata
_NETWORK, _SCALER = "network.", "scaler."


class SystemModel:
    """A system for one subtask. Labels go in and probabilities come out as data frames: image ids × task.labels.

    `blocks`: extractor name → width, of the vectors that the system reads beside pixels; they are standardised.
    """

    def __init__(
        self,
        task: Subtask,
        system: str,
        settings: TrainingSettings,
        blocks: dict[str, int],
        seed: int,
        device: str = "cpu",
    ):
        self.blocks, self.seed, self.device = dict(blocks), seed, torch.device(device)
        self.task, self.system, self.settings = task, system, resolve_precision(settings, self.device)
        self.scaler = BlockScaler(widths=list(blocks.values()), scale="standard")
        self.built: SystemNetwork | None = None
        self.history: list[dict[str, float]] = []

    @property
    def labels(self) -> tuple[str, ...]:
        return self.task.labels

    def fit(
        self,
        images: Images,
        labels: pd.DataFrame,
        *,
        state: Path,
        resume: bool = False,
        validation: tuple[Images, pd.DataFrame] | None = None,
        on_image: OnImage = lambda done, total: None,
        on_progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    ) -> "SystemModel":
        """Train on `images` with `labels` 0/1, ids × task.labels; return self. See `training.train_system`."""
        with seeded(self.seed, self.device):
            self.built = self._build(pretrained=True)
        targets = _targets(images, labels)
        if self.blocks:
            self.scaler.fit(self._matrix(images))
        held_out = (self._photographs(validation[0]), _targets(*validation)) if validation else None
        rows = train_system(
            self.built,
            self.settings,
            self._photographs(images),
            targets,
            multi_label=self.task.multi_label,
            state=state,
            about=self._about(images, targets),
            seed=self.seed,
            device=self.device,
            resume=resume,
            validation=held_out,
            on_image=on_image,
            on_progress=on_progress,
        )
        self.history = [{"train_loss" if key == "loss" else key: x for key, x in row.items()} for row in rows]
        return self

    def predict_proba(self, images: Images) -> pd.DataFrame:
        """Return probabilities, 0..1: ids × labels. With `oversample` the mean over ten crops of each image.

        Raises ImageError, naming the image, for one that cannot be decoded; FeaturesError for features of another
        width than in training.
        """
        photographs = self._photographs(images)
        view = self.built.view
        ten = self.settings.oversample
        crops = decoded(photographs, lambda image: ten_crops(view, image) if ten else middle(view, image)[None])
        vectors = photographs.matrix()
        rows, waiting = [], []
        for place, (_, pixels) in enumerate(crops):
            waiting.append(pixels)
            if len(waiting) * len(pixels) >= EVAL_BATCH or place + 1 == len(photographs.ids):
                some = slice(place + 1 - len(waiting), place + 1)
                beside = None if vectors is None else vectors[some].repeat(len(pixels), axis=0)
                P = self.probabilities(self.scores(np.concatenate(waiting), beside))
                rows.append(P.reshape(len(waiting), -1, len(self.labels)).mean(axis=1))
                waiting = []
        P = np.concatenate(rows) if rows else np.zeros((0, len(self.labels)))
        return pd.DataFrame(P, index=pd.Index(photographs.ids, name="id"), columns=list(self.labels))

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Return what the network sees of an upright RGB image, uint8 (crop, crop, 3)."""
        return middle(self.built.view, image)

    def scores(self, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
        """Return scores before softmax or sigmoid, float32 (n, n_labels), of pixels uint8 (n, crop, crop, 3).

        `vectors`: standardised, (n, width), where the system reads such.
        """
        return scores_of(self.built.network, pixels, vectors)

    def probabilities(self, scores: Tensor) -> np.ndarray:
        """Return float64 (n, n_labels), 0..1."""
        scores = scores.double()
        return (scores.sigmoid() if self.task.multi_label else scores.softmax(dim=1)).numpy()

    def save(self, path: Path) -> None:
        """Write one safetensors file that `load_system` rebuilds the model from."""
        tensors = {f"{_NETWORK}{k}": v.cpu().contiguous().clone() for k, v in self.built.network.state_dict().items()}
        for key, array in self.scaler.state().items() if self.blocks else ():
            tensors[f"{_SCALER}{key}"] = torch.from_numpy(np.array(array))
        about = {
            "subtask": self.task.name,
            "system": self.system,
            "settings": self.settings.model_dump(mode="json"),
            "blocks": self.blocks,
            "seed": self.seed,
        }
        write_atomically(path, save(tensors, metadata={METADATA: json.dumps(about)}))

    def _build(self, *, pretrained: bool) -> SystemNetwork:
        width = sum(self.blocks.values())
        return build_system(self.system, self.settings, len(self.labels), width, pretrained=pretrained)

    def vectors(self, images: Images) -> np.ndarray | None:
        """Return what the network reads beside pixels, standardised, float32 (n, width); None where it reads nothing.

        Raises FeaturesError for features of another width than in training.
        """
        return self.scaler.transform(self._matrix(images)) if self.blocks else None

    def _matrix(self, images: Images) -> np.ndarray:
        X, width = images.matrix(list(self.blocks)), sum(self.blocks.values())
        if X.shape[1] != width:
            raise FeaturesError(
                f"{self.task.name}: got features of width {X.shape[1]}; expected {width} "
                f"({', '.join(f'{name} {width}' for name, width in self.blocks.items())})."
            )
        return X

    def _photographs(self, images: Images) -> Photographs:
        """Return images as the training loop and the network take them, with their vectors standardised."""
        X = self.vectors(images)
        return Photographs(
            images.ids, images.paths, None if X is None else pd.DataFrame(X, index=pd.Index(images.ids, name="id"))
        )

    def _about(self, images: Images, targets: np.ndarray) -> dict[str, str]:
        """Return, in words, what a training goes by, but for pixels and vectors: it is resumed with the same only."""
        digest = hashlib.sha256(json.dumps([list(images.ids), targets.tolist()]).encode()).hexdigest()
        settings = {key: json.dumps(value) for key, value in self.settings.model_dump(mode="json").items()}
        return {"system": self.system, "labels": ", ".join(self.labels), "photographs": digest} | settings


def load_system(path: Path, task: Subtask, device: str = "cpu") -> SystemModel:
    """Rebuild a saved model. Raises WeightsError when the file is damaged, of another subtask or of other labels."""
    from mediaeval.finetune import settings_of

    again = f"Train {task.name} again."
    try:
        with safe_open(path, "np") as file:
            about = json.loads((file.metadata() or {})[METADATA])
        tensors = load(Path(path).read_bytes())
        settings = settings_of({"name": about["system"]} | about["settings"])
        if about["subtask"] != task.name:
            raise WeightsError(f"{path} is a model of {about['subtask']}, one of {task.name} is wanted. {again}")
        model = SystemModel(task, about["system"], settings, about["blocks"], about["seed"], device)
    except UserError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise WeightsError(f"{path} is damaged ({error}). {again}") from None
    model.built = model._build(pretrained=False)
    state = {key.removeprefix(_NETWORK): t for key, t in tensors.items() if key.startswith(_NETWORK)}
    load_state(model.built.network, state, f"system '{model.system}'", path)
    if model.blocks:
        model.scaler.load_state(
            {k.removeprefix(_SCALER): t.numpy() for k, t in tensors.items() if k.startswith(_SCALER)}
        )
    model.built.network.eval().to(model.device)
    return model


def _targets(images: Images, labels: pd.DataFrame) -> np.ndarray:
    """Return float32 (n, n_labels), rows in the order of the images."""
    return labels.loc[list(images.ids)].to_numpy(np.float32, copy=True)
