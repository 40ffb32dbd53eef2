"""A system trained for a subtask, which can be saved: its network, and the scaler of the vectors that it may read."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor

from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.errors import FeaturesError, UserError, WeightsError, first_line
from mediaeval.features.images import Images
from mediaeval.files import write_atomically
from mediaeval.finetune import METADATA, settings_model, settings_of
from mediaeval.finetune.batches import Examples
from mediaeval.finetune.build import build_system
from mediaeval.finetune.network import SystemNetwork
from mediaeval.finetune.pixels import OnImage, centre_crop, decoded, ten_crops
from mediaeval.finetune.recipe import resolve_precision
from mediaeval.finetune.scoring import eval_batch, scores_of
from mediaeval.finetune.settings import TrainingSettings
from mediaeval.finetune.training import train_system
from mediaeval.seeding import seeded
from mediaeval.training.loop import OnProgress, no_progress
from mediaeval.training.objective import EpochMetrics
from mediaeval.weights.read import load_state
from submission.reading import open_regular
from submission.task import Subtask

_NETWORK, _SCALER = "network.", "scaler."


class SystemModel:
    """A system for one subtask. It takes labels and returns probabilities as data frames: image ids × task.labels.

    blocks   extractor name → width, of the vectors that the system reads beside pixels; they are standardised
    history  a dictionary per epoch: epoch, lr, train_loss and, with validation, val_loss and val_f1
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
        self._built: SystemNetwork | None = None
        self.history: list[EpochMetrics] = []

    @property
    def built(self) -> SystemNetwork:
        """The network, of a model that was fitted or loaded."""
        assert self._built is not None, "the system is not fitted"
        return self._built

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
        on_progress: OnProgress = no_progress,
    ) -> "SystemModel":
        """Train on `images` with `labels`, 0 or 1, ids × task.labels; return self.

        `state`, `resume` and `validation` (images and labels held out) are those of `training.train_system`, as are the
        errors raised.
        """
        with seeded(self.seed, self.device):
            self._built = self._build(pretrained=True)
        if self.blocks:
            self.scaler.fit(self._matrix(images))
        examples = self._examples(images, labels)
        metrics = train_system(
            self.built,
            self.settings,
            examples,
            multi_label=self.task.multi_label,
            state=state,
            metadata=self._metadata(examples),
            seed=self.seed,
            device=self.device,
            resume=resume,
            validation=self._examples(*validation) if validation else None,
            on_image=on_image,
            on_progress=on_progress,
        )
        self.history = [{"train_loss" if key == "loss" else key: x for key, x in row.items()} for row in metrics]
        return self

    def predict_proba(self, images: Images) -> pd.DataFrame:
        """Return probabilities, 0..1: ids × labels; with `oversample` the mean over ten crops of each image.

        Raises ImageError, naming the image, if one cannot be decoded; FeaturesError if features have another width
        than in training.
        """
        vectors = self.vectors(images)
        crops = decoded(images, self._crops)
        tables, waiting = [], []
        for place, (_, pixels) in enumerate(crops, start=1):
            waiting.append(pixels)
            if len(waiting) * len(pixels) >= eval_batch(self.device) or place == len(images.ids):
                beside = None if vectors is None else vectors[place - len(waiting) : place].repeat(len(pixels), axis=0)
                P = self.probabilities(self.scores(np.concatenate(waiting), beside))
                tables.append(P.reshape(len(waiting), -1, len(self.labels)).mean(axis=1))
                waiting = []
        P = np.concatenate(tables) if tables else np.zeros((0, len(self.labels)))
        return pd.DataFrame(P, index=pd.Index(images.ids, name="id"), columns=list(self.labels))

    def _crops(self, image: Image.Image) -> np.ndarray:
        """Return the crops of an image that are predicted from, uint8 (1 or 10, crop, crop, 3)."""
        return ten_crops(self.built.view, image) if self.settings.oversample else self.pixels(image)[None]

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Return the centre crop of an upright RGB image, which the network predicts from, uint8 (crop, crop, 3)."""
        return centre_crop(self.built.view, image)

    def scores(self, pixels: np.ndarray, vectors: np.ndarray | None = None) -> Tensor:
        """Return scores before softmax or sigmoid, float32 (n, n_labels).

        pixels   uint8 (n, crop, crop, 3)
        vectors  standardised, float32 (n, width), if the system reads any
        """
        return scores_of(self.built.network, pixels, vectors)

    def probabilities(self, scores: Tensor) -> np.ndarray:
        """Return the probabilities of scores, 0..1, float64 (n, n_labels)."""
        scores = scores.double()
        return (scores.sigmoid() if self.task.multi_label else scores.softmax(dim=1)).numpy()

    def save(self, path: Path) -> None:
        """Write a safetensors file that `load_system` reads."""
        tensors = {f"{_NETWORK}{k}": v.cpu().contiguous().clone() for k, v in self.built.network.state_dict().items()}
        for key, array in self.scaler.state().items() if self.blocks else ():
            tensors[f"{_SCALER}{key}"] = torch.from_numpy(np.array(array))
        metadata = {
            "subtask": self.task.name,
            "system": self.system,
            "settings": self.settings.model_dump(mode="json"),
            "blocks": self.blocks,
            "seed": self.seed,
        }
        write_atomically(path, save(tensors, metadata={METADATA: json.dumps(metadata)}))

    def _build(self, *, pretrained: bool) -> SystemNetwork:
        width = sum(self.blocks.values())
        return build_system(self.system, self.settings, len(self.labels), width, pretrained=pretrained)

    def vectors(self, images: Images) -> np.ndarray | None:
        """Return what the network reads beside pixels, standardised, float32 (n, width); None if it reads nothing.

        Raises FeaturesError if features have another width than in training.
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

    def _examples(self, images: Images, labels: pd.DataFrame) -> Examples:
        targets = labels.loc[list(images.ids)].to_numpy(np.float32, copy=True)
        return Examples(images, targets, self.vectors(images))

    def _metadata(self, examples: Examples) -> dict[str, str]:
        """Return, as text, what a training depends on except pixels and vectors; it is resumed only with the same."""
        ids, targets = list(examples.images.ids), examples.targets.tolist()
        digest = hashlib.sha256(json.dumps([ids, targets]).encode()).hexdigest()
        settings = {key: json.dumps(value) for key, value in self.settings.model_dump(mode="json").items()}
        return {"system": self.system, "labels": ", ".join(self.labels), "photographs": digest} | settings


def load_system(path: Path, task: Subtask, device: str = "cpu") -> SystemModel:
    """Return a saved model. Raises WeightsError if the file is damaged or belongs to another subtask."""
    again = f"Train {task.name} again."
    try:
        with open_regular(path), safe_open(path, "np") as file:
            metadata = json.loads((file.metadata() or {})[METADATA])
        tensors = load(Path(path).read_bytes())
        before = settings_model(metadata["system"]).BEFORE
        settings = settings_of({"name": metadata["system"]} | before | metadata["settings"])
        if metadata["subtask"] != task.name:
            raise WeightsError(f"{path}: got a model of {metadata['subtask']}; expected one of {task.name}. {again}")
        model = SystemModel(task, metadata["system"], settings, metadata["blocks"], metadata["seed"], device)
        model._built = model._build(pretrained=False)
    except UserError:
        raise
    except Exception as error:  # values of any type in the place of others
        raise WeightsError(f"{path} is damaged ({first_line(error)}). {again}") from error
    state = {key.removeprefix(_NETWORK): t for key, t in tensors.items() if key.startswith(_NETWORK)}
    load_state(model.built.network, state, f"system '{model.system}'", path)
    if model.blocks:
        model.scaler.load_state(
            {k.removeprefix(_SCALER): t.numpy() for k, t in tensors.items() if k.startswith(_SCALER)}
        )
    model.built.network.eval().to(model.device)
    return model
