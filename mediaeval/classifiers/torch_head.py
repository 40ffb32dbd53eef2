"""The training loop of the classifiers and regressors that are networks.

Features are small (2,432 × 11,414 float32 is 111 MB), so they are one tensor in memory and a minibatch is an index into
it: no loader, no workers (an epoch: `epochs`). All that is random in an epoch follows from (seed, epoch) alone, so
nothing that happens between epochs (validation, a progress bar) can change what is learned, and torch's global
generators are left as they were.
"""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from mediaeval.classifiers.epochs import Epochs, Examples, GraphedEpochs, PlainEpochs
from mediaeval.classifiers.first_layer import HeadNetwork, choose_dtype, takes_tf32
from mediaeval.classifiers.graphs import LOCK, captured, on_stream, own_stream
from mediaeval.classifiers.head import Head, HistoryRow, OnEpoch
from mediaeval.classifiers.inputs import CHUNK, chunks, usable_features
from mediaeval.classifiers.span import Span
from mediaeval.classifiers.state import ExpectedArrays
from mediaeval.devices import resolve_device
from mediaeval.errors import ConfigError
from mediaeval.seeding import seeded


class TorchHead(Head):
    """An estimator that is a network, trained with Adam on minibatches.

    A subclass writes `_build` (the network; its layer `first` reads the features, its method `after` does the rest),
    `_losses`, `_usable_validation`, `_scored` and `_answer`. Its `__init__` lists the parameters of its settings,
    among them `lr`, `schedule`, `epochs`, `batch_size`, `weight_decay`, `ensemble`, `device`, `precision` and `basis`.
    The networks of an ensemble have the seeds random_state, random_state + 1, …

    The same parameters, data, machine (GPU, where one trains) and number of threads give the same weights to the bit.

    Fitted: `networks_`, and `history_`: for each epoch a dict of epoch (from 0), lr, train_loss (mean per image, as
    seen in training, dropout and smoothing included), val_loss (without either) and the score of `MEASURE`; the last
    two are None without validation. In an ensemble the losses are means over its networks, the score that of the mean
    answer.
    """

    MEASURE: ClassVar[str]  # key of the validation score in `history_`
    networks_: list[HeadNetwork]

    def _build(self, n_features: int, n_targets: int) -> HeadNetwork:
        """Return a new network: (B, n_features) → its output, of n_targets columns."""
        raise NotImplementedError

    def _losses(self, output: Tensor, beside: Tensor | None, T: Tensor) -> Tensor:
        """Return the loss of each image (B,) for the network's output and the targets T (B, n_targets)."""
        raise NotImplementedError

    def _smooth(self, T: np.ndarray) -> np.ndarray:
        """Return the targets that are trained on, float32 (n_images, n_targets)."""
        return T

    def _usable_validation(self, y: ArrayLike, X: np.ndarray) -> np.ndarray:
        """Return the targets of images held out, checked."""
        raise NotImplementedError

    def _validation_targets(self, y: np.ndarray) -> np.ndarray:
        """Return usable targets of images held out as a loss takes them, float32 (n_images, n_targets)."""
        raise NotImplementedError

    def _scored(self, losses: np.ndarray, answers: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Return the loss, a mean over images and networks, and the score of the networks' mean answer.

        losses   (n_networks, n_images)
        answers  (n_networks, n_images, n_targets)
        """
        raise NotImplementedError

    def _answer(self, output: Tensor) -> np.ndarray:
        """Return the answers of a network's output, float64 (B, n_targets)."""
        raise NotImplementedError

    def gpu(self) -> str:
        """See `Head.gpu`."""
        device = resolve_device(self.device, "classifier.device")
        return "" if device == "cpu" else device

    def lr_at(self, epoch: int) -> float:
        """Return the learning rate of `epoch`, counted from 0.

        With the 2021 schedule (halved every 70 epochs) epochs 0 to 69 have lr, 70 to 139 lr/2, 140 to 209 lr/4.
        """
        lr = float(self.lr)
        if self.schedule == "cosine":
            return lr * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        if self.schedule == "step" and self.lr_step is not None:
            return lr * float(self.lr_gamma ** (epoch // self.lr_step))
        return lr

    def _fit(
        self,
        X: np.ndarray,
        T: np.ndarray,
        views: np.ndarray | None,
        validation: tuple[ArrayLike, ArrayLike] | None,
        on_epoch: OnEpoch | None,
    ) -> None:
        device = torch.device(resolve_device(self.device, "classifier.device"))
        span = _span(X, views, self.random_state) if self.basis == "span" else None
        if span is not None:
            X, views = _in_basis(span, X, views)
        seeds = range(self.random_state, self.random_state + self.ensemble)
        networks = [self._new_network(seed, X.shape[1], T.shape[1]).to(device) for seed in seeds]
        dtype = choose_dtype(self.precision, device, networks[0].first.weight.numel())
        if validation is not None:
            X_val = usable_features(self, validation[0], reset=False)
            X_val = X_val if span is None else span.rotate(X_val)
            y_val = self._usable_validation(validation[1], X_val)
            validate = self._validator(networks, X_val, self._validation_targets(y_val), device)
        view_tensor = None if views is None else _tensor(views, device)
        data = Examples(_tensor(X, device).to(dtype), _tensor(self._smooth(T), device), view_tensor)
        trainings = self._trainings(networks, data)

        for epoch in range(self.epochs):
            lr = self.lr_at(epoch)
            for training, seed in zip(trainings, seeds, strict=True):
                training.begin(lr, _epoch_seeds(seed, epoch))
            loss = float(np.mean([training.loss() for training in trainings]))
            row: HistoryRow = {"epoch": epoch, "lr": lr, "train_loss": loss, "val_loss": None, self.MEASURE: None}
            if not math.isfinite(loss):
                raise self._diverged("the loss", loss, epoch)
            if validation is not None:
                row["val_loss"], row[self.MEASURE] = self._scored(*validate(), y_val)
            self.history_.append(row)
            if on_epoch is not None:
                on_epoch(dict(row))
        # the very last step comes after the last loss
        if not all(tensor.isfinite().all() for network in networks for tensor in network.parameters()):
            raise self._diverged("a weight", math.nan, epoch)
        self.networks_ = [self._folded(network, span).eval() for network in networks]

    def _folded(self, network: HeadNetwork, span: Span | None) -> HeadNetwork:
        """Return the network on the features themselves, of one that was trained on the basis of their span."""
        if span is None:
            return network
        weights = network.state_dict()
        first = next(name for name, weight in network.named_parameters() if weight is network.first.weight)
        folded = span.fold(weights[first].cpu().numpy())
        weights[first] = torch.from_numpy(folded).to(network.first.weight.device)
        wide = self._empty_network()
        wide.load_state_dict(weights, assign=True)
        return wide

    def _new_network(self, seed: int, n_features: int, n_labels: int) -> HeadNetwork:
        # PyTorch's default initialisation of Linear, drawn on the CPU whatever the device
        with LOCK, seeded(seed, torch.device("cpu")):  # the generator is one for all threads
            try:
                return self._build(n_features, n_labels)
            except (RuntimeError, MemoryError) as error:  # what PyTorch's allocator raises
                raise ConfigError(
                    f"classifier: a network of {n_features} features and these layers cannot be built "
                    f"({str(error).splitlines()[0][:120]}). Make its layers smaller."
                ) from error

    def _trainings(self, networks: Sequence[HeadNetwork], data: Examples) -> Sequence[Epochs]:
        settings = {"batch_size": self.batch_size, "weight_decay": self.weight_decay}
        if not self._graphed(data.X.device):
            return [PlainEpochs(network, self._losses, data, **settings) for network in networks]
        tf32 = takes_tf32(self.precision, data.X.device)
        return [GraphedEpochs(network, self._losses, data, **settings, tf32=tf32) for network in networks]

    def _graphed(self, device: torch.device) -> bool:
        """Whether epochs are recorded as CUDA graphs."""
        return device.type == "cuda"

    def _diverged(self, what: str, value: float, epoch: int) -> ConfigError:
        return ConfigError(
            f"{what} became {value} in epoch {epoch + 1} of {self.epochs}. Lower classifier.lr (it is {self.lr:g}), or "
            "scale the features."
        )

    def _validator(
        self, networks: list[HeadNetwork], X: np.ndarray, T: np.ndarray, device: torch.device
    ) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Return a function that evaluates the networks as they are when it is called.

        It gives the losses of each network and image, (n_networks, n_images), and the answers, of T's columns too.
        """
        if not self._graphed(device):
            return lambda: self._evaluated(networks, X, T)
        stream = own_stream(device)
        with on_stream(stream):
            x, t = _tensor(X, device), _tensor(T, device)
            evaluate = captured(lambda: self._evaluated_at_once(networks, x, t), device, restore=lambda: None)

        def validate() -> tuple[np.ndarray, np.ndarray]:
            with on_stream(stream):
                losses, outputs = evaluate()
                return losses.cpu().double().numpy(), np.stack([self._answer(output.cpu()) for output in outputs])

        return validate

    @torch.no_grad()
    def _evaluated_at_once(self, networks: list[HeadNetwork], X: Tensor, T: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the losses of each network and image, (n_networks, n_images), and the networks' outputs."""
        outputs = [network.eval()(X) for network in networks]
        losses = [self._losses(output, beside, T) for output, beside in outputs]
        return torch.stack(losses), [output for output, _ in outputs]

    @torch.no_grad()
    def _evaluated(self, networks: list[HeadNetwork], X: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `_validator` describes, in blocks of CHUNK images."""
        losses, answers = np.zeros((len(networks), len(X))), np.zeros((len(networks), *T.shape))
        for k, network in enumerate(networks):
            network.eval()
            for start, (x, rows), (target, _) in zip(range(0, len(X), CHUNK), chunks(X), chunks(T), strict=True):
                output = self._output(network, x)
                losses[k, start : start + rows] = self._losses(*output, torch.from_numpy(target))[:rows]
                answers[k, start : start + rows] = self._answer(output[0])[:rows]
        return losses, answers

    @torch.no_grad()
    def _output(self, network: HeadNetwork, X: np.ndarray) -> tuple[Tensor, Tensor | None]:
        log_p, log_not_p = network(_tensor(X, next(network.parameters()).device))
        return log_p.cpu(), None if log_not_p is None else log_not_p.cpu()

    def _mean_answer(self, X: np.ndarray) -> np.ndarray:
        """Return the mean of the networks' answers, float64 (CHUNK, n_targets)."""
        each = [self._answer(self._output(network, X)[0]) for network in self.networks_]
        return np.asarray(np.mean(each, axis=0))

    def _arrays(self) -> dict[str, np.ndarray]:
        return {
            f"network{k}.{name}": tensor.cpu().numpy()
            for k, network in enumerate(self.networks_)
            for name, tensor in network.state_dict().items()
        }

    def _expected_arrays(self) -> ExpectedArrays:
        return {
            f"network{k}.{name}": (tuple(tensor.shape), "float32")
            for k in range(self.ensemble)
            for name, tensor in self._empty_network().state_dict().items()
        }

    def _set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        device = torch.device(resolve_device(self.device, "classifier.device"))
        self.networks_ = []
        for k in range(self.ensemble):
            network = self._empty_network()
            weights = {name: torch.tensor(arrays[f"network{k}.{name}"]) for name in network.state_dict()}
            network.load_state_dict(weights, assign=True)
            self.networks_.append(network.to(device).eval())

    def _empty_network(self) -> HeadNetwork:
        """Return a network of this width and these targets that has shapes but no numbers."""
        with torch.device("meta"):
            return self._build(self.n_features_in_, self._n_targets())


def _epoch_seeds(seed: int, epoch: int) -> tuple[int, int]:
    """Return the seeds of one epoch: for the order and the views, and for dropout."""
    draw, dropout = np.random.SeedSequence((seed, epoch)).generate_state(2, np.uint64)
    return int(draw), int(dropout)


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)  # copies only what is read-only


def _span(X: np.ndarray, views: np.ndarray | None, seed: int) -> Span | None:
    """Return the span of images and views; None where they are too many to span less than all dimensions."""
    n_versions = len(X) * (1 if views is None else 1 + views.shape[1])
    if n_versions >= X.shape[1]:
        return None
    versions = X if views is None else np.concatenate([X, views.reshape(-1, X.shape[1])])
    return Span(versions, np.random.default_rng(seed))


def _in_basis(span: Span, X: np.ndarray, views: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images and views that `span` was made of, in its basis."""
    rest = span.rotated[len(X) :]
    return span.rotated[: len(X)], None if views is None else rest.reshape(*views.shape[:2], -1)
