"""Feature G: the graph against its formula, and files in both layouts."""

import numpy as np
import pytest
import torch

from mediaeval.errors import FeaturesError, WeightsError
from mediaeval.features.networks.objectgraphs import EventModel, GraphModule, load_graph
from mediaeval.weights.read import read_weights

pytestmark = pytest.mark.integration

W = 12


@pytest.fixture
def graph() -> GraphModule:
    torch.manual_seed(0)
    graph = GraphModule(W)
    for tensor in graph.parameters():  # norms and biases are not to stay 1 and 0
        torch.nn.init.normal_(tensor, std=0.5)
    return graph.eval()


def by_formula(state: dict[str, torch.Tensor], X: np.ndarray) -> np.ndarray:
    """G of one picture, (N, W) → (W,), in float64."""
    p = {key: tensor.double().numpy() for key, tensor in state.items()}
    S = ((X @ p["wq.weight"].T + p["wq.bias"]) @ (X @ p["wk.weight"].T + p["wk.bias"]).T) ** 2
    A = S / S.sum(axis=1, keepdims=True)
    for k in range(2):
        Z = A @ X @ p[f"gcn.{k}.weight"]
        Z = (Z - Z.mean(axis=1, keepdims=True)) / np.sqrt(Z.var(axis=1, keepdims=True) + 1e-5)  # LayerNorm's own ε
        X = np.maximum(Z * p[f"gcn.{k}.norm.weight"] + p[f"gcn.{k}.norm.bias"], 0)
    return X.mean(axis=0)


# --- the network ---------------------------------------------------------------------------------------------------


def test_sizes_and_keys_are_those_of_the_public_code():
    with torch.device("meta"):
        model = EventModel()
    assert EventModel(5, W)(torch.zeros(2, 9, 50, W), torch.zeros(2, 9, W)).shape == (2, 5)
    assert model.cls.rnn.hidden_size == 4096 and model.cls.fc2.out_features == 239
    assert sum(p.numel() for p in model.graph.parameters()) == 16_789_504  # 67 MB, as the authors' file
    layer = ["weight", "norm.weight", "norm.bias"]
    linear = ["wq.weight", "wq.bias", "wk.weight", "wk.bias"]
    keys = linear + [f"gcn.{k}.{name}" for k in (0, 1) for name in layer]
    assert list(model.graph.state_dict()) == keys
    rest = {key.split(".")[1] for key in model.state_dict() if key.startswith("cls.")}
    assert rest == {"rnn", "fc1", "fc2"}


@pytest.mark.parametrize("n", [1, 2, 50, 73])
def test_any_number_of_objects_gives_the_formula(graph, n):
    X = np.random.default_rng(n).normal(size=(n, W))
    with torch.no_grad():
        found = graph(torch.from_numpy(X).float())
    np.testing.assert_allclose(found.numpy(), by_formula(graph.state_dict(), X), atol=1e-5)


def test_rows_of_the_adjacency_sum_to_1(graph):
    X = torch.randn(3, 4, 9, W)
    A = graph.adjacency(X)
    assert A.shape == (3, 4, 9, 9) and (A >= 0).all()
    torch.testing.assert_close(A.sum(dim=-1), torch.ones(3, 4, 9))


def test_the_order_of_objects_does_not_matter(graph):
    X = torch.randn(2, 9, W)
    torch.testing.assert_close(graph(X[:, torch.randperm(9)]), graph(X))


@pytest.mark.parametrize("filling", [0.0, 7.0, torch.nan])
def test_rows_that_only_fill_up_have_no_part(graph, filling):
    X = torch.randn(2, 5, W)
    padded = torch.full((2, 8, W), filling)
    mask = torch.zeros(2, 8, dtype=torch.bool)
    padded[0, 1:6], mask[0, 1:6] = X[0], True
    padded[1, :3], mask[1, :3] = X[1, :3], True
    found = graph(padded, mask)
    torch.testing.assert_close(found[0], graph(X[0]))
    torch.testing.assert_close(found[1], graph(X[1, :3]))


def test_a_picture_without_objects_is_told(graph):
    with pytest.raises(FeaturesError, match="without objects"):
        graph(torch.zeros(2, 0, W))
    with pytest.raises(FeaturesError, match="without objects"):
        graph(torch.zeros(2, 3, W), torch.tensor([[True, False, False], [False] * 3]))


def test_the_adjacency_is_computed_in_float32_under_autocast(graph):
    X = 100 * torch.randn(5, W)  # squares of products of about 10⁴ · 10⁴ are beyond float16, and blurred in bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = graph.adjacency(X)
        assert graph(X).isfinite().all()
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, graph.adjacency(X), rtol=0, atol=0)


def test_all_zero_objects_do_not_divide_by_zero(graph):
    for linear in (graph.wq, graph.wk):
        torch.nn.init.zeros_(linear.bias)
    assert graph(torch.zeros(3, W)).isfinite().all()


# --- files ---------------------------------------------------------------------------------------------------------


def test_both_layouts_load_as_the_authors_save_them(graph, tmp_path):
    model = EventModel(classes=3, width=W)
    model.graph.load_state_dict(graph.state_dict())
    optimiser = torch.optim.Adam(model.parameters())
    checkpoint = {"epoch": 60, "loss": 0.1, "model_state_dict": model.state_dict()}
    torch.save(checkpoint | {"opt_state_dict": optimiser.state_dict(), "sched_state_dict": {}}, tmp_path / "model.pt")
    torch.save(graph.state_dict(), tmp_path / "model-gcn.pt")
    X = torch.randn(4, W)
    for name in ("model.pt", "model-gcn.pt"):
        loaded = load_graph(read_weights(tmp_path / name, "extractor 'g'"), "extractor 'g'", name)
        torch.testing.assert_close(loaded(X), graph(X), rtol=0, atol=0)
        assert not loaded.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wq.bias": None}, r"extractor 'g': g.pt does not fit the network(.|\n)*the file lacks: wq.bias"),
        ({"wq.weight": None}, "the file lacks: wq.weight"),
        ({"gcn.2.weight": torch.zeros(W, W)}, r"the network lacks: gcn.2.weight"),
        ({"fc.weight": torch.zeros(1)}, r"the network lacks: fc.weight"),
        ({"wk.bias": torch.zeros(3)}, rf"other shapes: wk.bias: got \(3,\), expected \({W},\)"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "graph."])
def test_files_of_other_networks_are_told_by_key(graph, change, message, prefix):
    state = {key: tensor for key, tensor in (graph.state_dict() | change).items() if tensor is not None}
    state = {key if key == "fc.weight" else prefix + key: tensor for key, tensor in state.items()}
    for key in ("wq", "wk", "gcn"):
        message = message.replace(f" {key}.", f" {prefix}{key}.")
    with pytest.raises(WeightsError, match=message):
        load_graph(state, "extractor 'g'", "g.pt")
