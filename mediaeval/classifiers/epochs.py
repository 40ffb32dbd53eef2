"""An epoch of training a head: kernel by kernel on a processor, as CUDA graphs on a GPU.

Both draw the order of the images and their views alike. They differ in dropout, which each device draws in its own way,
and in rounding.

n images, D features, N targets, V views.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from mediaeval.classifiers.dropout import Dropout
from mediaeval.classifiers.first_layer import HeadNetwork, NetworkOptimiser
from mediaeval.classifiers.graphs import captured, on_stream, own_stream
from mediaeval.seeding import seeded

STEPS = 64  # of a graph: enough that launching it costs nothing beside it, few enough to be recorded at once

Losses = Callable[[Tensor, Tensor | None, Tensor], Tensor]  # see `TorchHead._losses`


@dataclass(frozen=True)
class Examples:
    """What is trained on, on the device that trains."""

    X: Tensor  # (n, D), of the type in which the first layer is multiplied
    T: Tensor  # float32 (n, N)
    views: Tensor | None  # float32 (n, V, D): they can be gigabytes, so a minibatch of them is converted at a time

    def __len__(self) -> int:
        return len(self.X)


class Epochs(Protocol):
    """Trains one network, epoch by epoch. The work of several may be begun before the first result is asked for."""

    def begin(self, lr: float, seeds: tuple[int, int]) -> None:
        """Take one pass over the images. `seeds`: for the order and the views, and for dropout."""

    def loss(self) -> float:
        """Return the mean loss per image of the pass that was begun last, when it is finished."""


def draw(n_images: int, n_views: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """Return the order of an epoch, and for each image, in their own order, 0 for itself or v > 0 for its view v − 1.

    Both are int64 (n_images,); the second is None without views.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n_images, generator=generator)
    return order, torch.randint(n_views + 1, (n_images,), generator=generator) if n_views else None


class PlainEpochs:
    """Each step as Python comes to it; on any device."""

    def __init__(
        self,
        network: HeadNetwork,
        losses: Losses,
        data: Examples,
        *,
        batch_size: int,
        weight_decay: float,
    ):
        self.losses, self.data, self.batch_size = losses, data, batch_size
        self.optimiser = NetworkOptimiser(network, data.X.dtype, weight_decay)
        # small networks, and those beside the threads of `FirstLayer`
        n_weights = sum(tensor.numel() for tensor in network.parameters())
        self.one_thread = n_weights < 1_000_000 or data.X.dtype == torch.bfloat16
        self.total = torch.zeros((), dtype=torch.float64, device=data.X.device)

    def begin(self, lr: float, seeds: tuple[int, int]) -> None:
        """See `Epochs`."""
        X, T, views = self.data.X, self.data.T, self.data.views
        draw_seed, dropout_seed = seeds
        order, version = draw(len(X), 0 if views is None else views.shape[1], draw_seed)
        order, version = order.to(X.device), None if version is None else version.to(X.device)
        self.optimiser.network.train()
        self.total.zero_()
        with seeded(dropout_seed, X.device), _one_thread(self.one_thread):
            for rows in order.split(self.batch_size):
                x = X.index_select(0, rows)  # (B, D), a copy; a third of the time of X[rows]
                if version is not None and views is not None:
                    augmented = version[rows] > 0
                    x[augmented] = views[rows[augmented], version[rows[augmented]] - 1].to(x.dtype)
                loss = self.losses(*self.optimiser.output(x), T[rows]).mean()
                self.optimiser.learn(loss, lr)
                self.total += loss.detach() * len(rows)

    def loss(self) -> float:
        """See `Epochs`."""
        return self.total.item() / len(self.data)


@contextmanager
def _one_thread(limited: bool) -> Iterator[None]:
    """Let torch compute on one thread within, if `limited`: for small networks, and beside the threads of `FirstLayer`.

    Under a million weights a second thread saves milliseconds per epoch; where the cores are busy with something else,
    its waiting at every step was seen to take forty times as long as the epoch.
    """
    before = torch.get_num_threads()
    if limited:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class GraphedEpochs:
    """All steps of an epoch, up to STEPS at once, as one CUDA graph, on the stream of the thread that makes it.

    The graph reads the images' order and views, the rate and the factors of dropout from tensors that are filled before
    it is launched, so it draws nothing itself; the sum of the losses is read once an epoch. In bfloat16 the first
    layer's two products are of rounded weights, features and gradients; all else is float32.
    """

    def __init__(
        self,
        network: HeadNetwork,
        losses: Losses,
        data: Examples,
        *,
        batch_size: int,
        weight_decay: float,
        tf32: bool = False,
    ):
        self.network, self.losses, self.data, self.batch_size = network, losses, data, batch_size
        device = data.X.device
        self.stream = own_stream(device)
        with on_stream(self.stream):
            self.generator = torch.Generator(device)
            self.total = torch.zeros((), dtype=torch.float64, device=device)
            # `capturable` keeps the count of steps on the GPU; a rate that is a tensor can change between launches
            lr = torch.zeros((), device=device)
            self.optimiser = torch.optim.Adam(
                network.parameters(), lr=lr, weight_decay=weight_decay, fused=True, capturable=True
            )
            n_images = min(len(data), STEPS * batch_size)
            self.rows = torch.zeros(n_images, dtype=torch.int64, device=device)
            self.version = torch.zeros_like(self.rows)
            self.dropouts = [layer for layer in network.modules() if isinstance(layer, Dropout) and layer.p > 0]
            self.factors = [torch.ones(n_images, layer.width, device=device) for layer in self.dropouts]
            self._record(tf32)

    def _record(self, tf32: bool) -> None:
        """Record a graph for each number of images that is trained on at once: STEPS minibatches, and what is left."""
        start = [tensor.detach().clone() for tensor in self.network.parameters()]

        def restore() -> None:
            with torch.no_grad():
                for tensor, first in zip(self.network.parameters(), start, strict=True):
                    tensor.copy_(first)
                for moments in self.optimiser.state.values():
                    for tensor in moments.values():
                        tensor.zero_()
            self.optimiser.zero_grad()

        self.network.train()
        sizes = {len(rows) for rows in torch.arange(len(self.data)).split(len(self.rows))}
        self.steps = {
            n: captured(partial(self._steps, n), self.data.X.device, restore=restore, tf32=tf32) for n in sorted(sizes)
        }

    def begin(self, lr: float, seeds: tuple[int, int]) -> None:
        """See `Epochs`."""
        draw_seed, dropout_seed = seeds
        views = self.data.views
        order, version = draw(len(self.data), 0 if views is None else views.shape[1], draw_seed)
        self.network.train()
        with on_stream(self.stream), torch.no_grad():
            device = self.data.X.device
            shown = None if version is None else version[order].to(device)
            rows = order.to(device)
            self.optimiser.param_groups[0]["lr"].fill_(lr)
            self.total.zero_()
            self.generator.manual_seed(dropout_seed)
            for first in range(0, len(order), len(self.rows)):
                n = min(len(self.rows), len(order) - first)
                self.rows[:n].copy_(rows[first : first + n])
                if shown is not None:
                    self.version[:n].copy_(shown[first : first + n])
                for layer, factors in zip(self.dropouts, self.factors, strict=True):
                    layer.draw(factors[:n], self.generator)
                with torch.enable_grad():
                    self.steps[n]()

    def loss(self) -> float:
        """See `Epochs`."""
        with on_stream(self.stream):
            return self.total.item() / len(self.data)  # waits for the stream

    def _steps(self, n_images: int) -> None:
        """Train on the first images of `rows`, minibatch by minibatch."""
        for first in range(0, n_images, self.batch_size):
            batch = slice(first, min(first + self.batch_size, n_images))
            for layer, factors in zip(self.dropouts, self.factors, strict=True):
                layer.factors = factors[batch]
            rows = self.rows[batch]
            output = self._output(self._shown(rows, self.version[batch]))
            loss = self.losses(*output, self.data.T.index_select(0, rows)).mean()
            self.optimiser.zero_grad()  # to None: a gradient is then written, not added to zeros
            loss.backward()
            self.optimiser.step()
            self.total += loss.detach() * (batch.stop - first)
        self.optimiser.zero_grad()
        for layer in self.dropouts:
            layer.factors = None

    def _shown(self, rows: Tensor, version: Tensor) -> Tensor:
        """Return the features of images, (B, D), or of their views; of the same operations whichever are drawn."""
        x = self.data.X.index_select(0, rows)
        views = self.data.views
        if views is None:
            return x
        n_views = views.shape[1]
        view = views.view(-1, views.shape[2]).index_select(0, rows * n_views + (version - 1).clamp(min=0))
        return torch.where((version > 0)[:, None], view.to(x.dtype), x)

    def _output(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if x.dtype == torch.float32:
            output: tuple[Tensor, Tensor | None] = self.network(x)
            return output
        first = self.network.first
        return self.network.after(linear(x, first.weight.to(x.dtype)).float() + first.bias)
