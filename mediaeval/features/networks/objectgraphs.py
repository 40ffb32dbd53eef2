"""ObjectGraphs: one vector for the objects in an image, feature G of Pournaras et al. 2021.

Gkalelis et al. 2021 (bmezaris/ObjectGraphs): every object is connected to every other with a weight that two linear
maps give, two graph convolutions follow, and the mean over the objects is the vector. The authors train it on events in
videos (FCVID); they send their weights by e-mail only, `mediaeval pretrain objectgraphs` trains others.

N objects, W their width (2048), F frames, B videos. Any leading dimensions stand for "…".
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mediaeval.errors import FeaturesError
from mediaeval.weights.read import load_state

WIDTH = 2048
CLASSES = 239  # events of FCVID


class GraphLayer(nn.Module):
    """ReLU(LayerNorm(A X W)): A (…, N, N), X (…, N, W) → (…, N, W)."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, width)))  # (in, out), no bias
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return self.norm(adjacency @ (x @ self.weight)).relu()


class GraphModule(nn.Module):
    """Objects (…, N, W) → (…, W), none below 0, whatever N is and in whatever order they come.

    `mask`: bool (…, N), False for rows that only pad; those have no effect. Keys and sizes are those of the authors'
    code: 16,789,504 parameters at W = 2048.
    """

    def __init__(self, width: int = WIDTH, layers: int = 2):
        super().__init__()
        self.wq = nn.Linear(width, width)
        self.wk = nn.Linear(width, width)
        self.gcn = nn.ModuleList(GraphLayer(width) for _ in range(layers))

    def adjacency(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return A, float32 (…, N, N), none below 0; every row sums to 1.

        Entries grow with the fourth power of the features' scale, so this is computed in float32 even under autocast.
        """
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            affinity = (self.wq(x) @ self.wk(x).transpose(-1, -2)).square()
            if mask is not None:
                affinity = affinity.masked_fill(~mask[..., None, :], 0)
            return normalize(affinity, p=1, dim=-1, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if x.shape[-2] == 0 or (mask is not None and not mask.any(dim=-1).all()):
            raise FeaturesError("an image without objects: give the whole image as its only object.")
        if mask is not None:
            x = x.masked_fill(~mask[..., None], 0)  # rows that pad may hold anything, NaN included
        adjacency = self.adjacency(x, mask)
        for layer in self.gcn:
            x = layer(x, adjacency)
        if mask is None:
            return x.mean(dim=-2)
        return x.masked_fill(~mask[..., None], 0).sum(dim=-2) / mask.sum(dim=-1, keepdim=True)


class EventClassifier(nn.Module):
    """Frames (B, F, 2 W) → logits (B, classes): an LSTM's last step, a hidden layer, a decision for each event."""

    def __init__(self, width: int, classes: int, dropout: float = 0.5):
        super().__init__()
        self.rnn = nn.LSTM(2 * width, 2 * width, batch_first=True)
        self.fc1 = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)
        self.fc2 = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        last = self.rnn(x)[0][:, -1]  # (B, 2 W)
        return self.fc2(self.drop(self.fc1(last).relu()))


class EventModel(nn.Module):
    """The network that the graph is trained in: objects (B, F, N, W), whole frames (B, F, W) → logits (B, classes)."""

    def __init__(self, classes: int = CLASSES, width: int = WIDTH, layers: int = 2):
        super().__init__()
        self.graph = GraphModule(width, layers)
        self.cls = EventClassifier(width, classes)

    def forward(self, objects: Tensor, frames: Tensor) -> Tensor:
        return self.cls(torch.cat([self.graph(objects), frames], dim=-1))


def load_graph(state: Mapping[str, Tensor], owner: str, source: Path | str) -> GraphModule:
    """Return the graph with the weights of a file, in eval mode; the width is that of the file.

    The authors write two kinds of files: the graph alone, or the network it was trained in, where its keys begin with
    `graph.` beside others that begin with `cls.`. `owner` and `source`, the file, are for messages. Raises WeightsError
    for any other keys or shapes.
    """
    prefix = "graph." if any(key.startswith("graph.") for key in state) else ""
    query = state.get(f"{prefix}wq.weight")
    graph = GraphModule(WIDTH if query is None or query.ndim != 2 else query.shape[0])
    model: nn.Module = graph
    if prefix:  # messages then name the keys as they are in the file
        model = nn.Module()
        model.graph = graph
    load_state(model, state, owner, source, head="cls")
    return graph.eval()
