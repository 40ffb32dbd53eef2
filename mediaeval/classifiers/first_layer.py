"""The first layer of a network on wide features: multiplied in bfloat16, trained in float32, a block of rows at a time.

It holds nearly all weights (2,282,800 of the 2,286,006 of the mixture of experts on 11,414 features), and a step of
training is three passes over them: the product z = x Wᵀ, the gradient ∂L/∂W = (∂L/∂z)ᵀ x, and Adam. Three things make
them quick. Both products are of bfloat16 numbers, which processors that compute with them multiply at twice the speed;
W itself and Adam's moments stay float32, so that a small step is not lost in rounding (Micikevicius et al. 2018, "Mixed
Precision Training"). The features get no gradient. And the gradient is computed, used and discarded block by block,
while it is in the cache: the gradient of all weights is never in memory at once.

Threads take the next block when they have finished one, and each works alone on its block. So a core that is busy with
something else delays a block and not every operation, and the numbers are the same to the bit for any number of
threads.

B images, D features, H units.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

BLOCK = 500_000  # weights: 2 MB each of W, gradient and moments; measured best of 0.1 to 2 million
PIECE = 100  # units whose z is computed at once
ENOUGH = 1_000_000  # weights from which "auto" is bfloat16


class HeadNetwork(nn.Module):
    """A network on features, in two parts: a first linear layer, which can be computed apart, and all after it."""

    @property
    def first(self) -> nn.Linear:
        """The layer that reads the features."""
        raise NotImplementedError

    def after(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the network's output from the output z (B, H) of the first layer."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.after(self.first(x))


class FirstLayer:
    """Weights (H, D) of a first layer without its bias, and their Adam; for networks whose features need no gradient.

    weight        float32, changed in place by `step`
    dtype         in which both products are computed; float32 is what autograd computes, apart from rounding
    weight_decay  coupled L2, as in `torch.optim.Adam`; betas and ε are also its defaults
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype, *, weight_decay: float = 0.0):
        self.weight = weight.detach()
        self.product_weight = self.weight.to(dtype)  # rounded; in float32 the weight itself
        self.weight_decay = weight_decay
        self.mean, self.square = torch.zeros_like(self.weight), torch.zeros_like(self.weight)
        n_units, n_features = self.weight.shape
        n_rows = min(n_units, max(1, BLOCK // n_features))
        # `adam` counts the steps of the tensors that it is given, so every block has its own counter
        self.blocks = [(rows, torch.zeros((), device=weight.device)) for rows in _split(n_units, n_rows)]
        self.pieces = _split(n_units, PIECE)
        n_threads = torch.get_num_threads() if weight.device.type == "cpu" else 1
        self.pool = ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))
        self.products = [torch.empty(n_rows, n_features, dtype=dtype, device=weight.device) for _ in range(n_threads)]
        self.gradients = [torch.empty_like(product, dtype=torch.float32) for product in self.products]

    def __call__(self, x: Tensor) -> Tensor:
        """Return z = x Wᵀ, float32 (B, H), as a leaf that collects ∂L/∂z; x (B, D) is of the layer's dtype."""
        z = torch.empty(len(x), len(self.weight), device=x.device)
        todo = iter(self.pieces)  # one iterator for all threads: each takes what the others have left

        def work(_: Tensor) -> None:
            for rows in todo:
                z[:, rows] = x @ self.product_weight[rows].T

        list(self.pool.map(work, self.products))
        return z.requires_grad_()

    def step(self, x: Tensor, z_gradient: Tensor, lr: float) -> None:
        """Take a step of Adam for the x (B, D) that gave z, and ∂L/∂z (B, H)."""
        transposed = z_gradient.to(x.dtype).T.contiguous()  # (H, B)
        todo = iter(self.blocks)

        def work(product: Tensor, gradient: Tensor) -> None:
            for rows, steps in todo:
                weight = self.weight[rows]
                torch.mm(transposed[rows], x, out=product[: len(weight)])
                adam(
                    [weight],
                    [gradient[: len(weight)].copy_(product[: len(weight)])],
                    [self.mean[rows]],
                    [self.square[rows]],
                    [],
                    [steps],
                    fused=True,
                    amsgrad=False,
                    beta1=0.9,
                    beta2=0.999,
                    lr=lr,
                    weight_decay=self.weight_decay,
                    eps=1e-8,
                    maximize=False,
                )
                self.product_weight[rows].copy_(weight)

        list(self.pool.map(work, self.products, self.gradients))


def _split(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


class NetworkOptimiser:
    """A network (`first`, then `after`) and its optimiser: `output` of a minibatch, then `learn` from its loss.

    In float32 all of it is autograd's and `torch.optim.Adam`'s. In another dtype the weights of the first layer are a
    `FirstLayer`; its bias, all later layers and the loss stay float32 and autograd's.
    """

    def __init__(self, network: HeadNetwork, dtype: torch.dtype, weight_decay: float):
        self.network = network
        self.first: FirstLayer | None = None
        rest = list(network.parameters())
        if dtype != torch.float32:
            self.first = FirstLayer(network.first.weight, dtype, weight_decay=weight_decay)
            rest = [tensor for tensor in rest if tensor is not network.first.weight]
        # fused: one kernel a step, measured 3 (MoE) to 5 (dense) times as fast as the default on a CPU
        self.optimiser = torch.optim.Adam(rest, weight_decay=weight_decay, fused=True)

    def output(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the network's output for x (B, D), which is of dtype `dtype`."""
        if self.first is None:
            output: tuple[Tensor, Tensor | None] = self.network(x)
            return output
        self.x, self.z = x, self.first(x)
        return self.network.after(self.z + self.network.first.bias)

    def learn(self, loss: Tensor, lr: float) -> None:
        """Take a step of Adam down the gradient of `loss`, a mean over the minibatch of the last `output`."""
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        if self.first is not None:
            assert self.z.grad is not None, "the loss does not depend on the last output"
            self.first.step(self.x, self.z.grad, lr)


def choose_dtype(precision: str, device: torch.device, n_weights: int) -> torch.dtype:
    """Return the type in which a first layer of `n_weights` is multiplied; with precision "auto", the faster one.

    "auto" is bfloat16 on a CPU with instructions for it, for a layer that takes a good part of the time. On a GPU it is
    float32, whose products are rounded to TF32: see `takes_tf32`.
    """
    if precision == "auto":
        quicker = device.type == "cpu" and multiplies_bfloat16() and n_weights >= ENOUGH
        return torch.bfloat16 if quicker else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def takes_tf32(precision: str, device: torch.device) -> bool:
    """Whether training multiplies float32 in TF32: on a GPU, unless `precision` asks for float32 itself.

    TF32 keeps 10 bits of a factor's fraction, and sums in float32. On an H100 it took 3.0 s where float32 took 3.6 and
    bfloat16 3.3 for the mixture of experts, and 4.8, 6.0 and 5.4 for the dense network, with F1 that differ less than
    those of two seeds. Predictions, and the scores of images held out, are of float32 everywhere.
    """
    return precision == "auto" and device.type == "cuda"


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions that multiply bfloat16 (AVX512-BF16 or AMX), by torch's own query."""
    query = getattr(torch.cpu, "get_capabilities", None)  # older releases do not tell: float32 then
    able = query() if query else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
