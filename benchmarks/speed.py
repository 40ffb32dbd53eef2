"""How fast, as ratios against today's careful pipeline (`benchmarks.yardstick`), measured in turns in one run.

    python -m benchmarks.speed ../shared/data [--runs 5] [--only WORD]

Every row runs yardstick and ours alternately, so that what else the machine does falls on both. Printed: seconds of the
fastest run of each, ratios of the pairs as least - median - most, and how well the results agree. The heads are in
`benchmarks.heads`.
"""

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable


def in_turns(runs: int, theirs: Callable[[], object], ours: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Return the seconds of `runs` runs of each, alternating."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for seconds, work in zip(times, (theirs, ours), strict=True):
            begun = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begun)
    return times


def row(work: str, times: tuple[list[float], list[float]], agreement: str) -> None:
    """Print one row of the table."""
    ratios = sorted(t / o for t, o in zip(*times, strict=True))
    spread = f"{ratios[0]:.1f} – {np.median(ratios):.1f} – {ratios[-1]:.1f}"
    print(f"| {work} | {min(times[0]):.2f} | {min(times[1]):.2f} | {spread} | {agreement} |", flush=True)


def row_alone(work: str, runs: int, command: list[str], wanted: str) -> None:
    """Print one row for a command that has no yardstick but a limit."""
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        seconds.append(time.perf_counter() - begun)
    spread = f"{min(seconds):.2f} – {np.median(seconds):.2f} – {max(seconds):.2f} s"
    print(f"| {work} | | {min(seconds):.2f} | {spread} | {wanted} |", flush=True)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the least cosine of corresponding rows."""
    return float((np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).min())


def write_settings(folder: Path, weights: Path) -> None:
    """Write a mediaeval.toml with the three shared networks."""
    (folder / "mediaeval.toml").write_text(f"""
[features]
store = ".mediaeval/features"
[extractors.mobilenet]
kind = "timm"
model = "mobilenetv2_100"
weights = "{weights}/timm-mobilenetv2_100.safetensors"
[extractors.tfsame]
kind = "timm"
model = "mobilenetv2_100"
model_args = {{ pad_type = "same" }}
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
weights = "{weights}/timm-mobilenetv2_100-tfsame.safetensors"
[extractors.squeeze]
kind = "torchvision"
model = "squeezenet1_0"
weights = "{weights}/torchvision-squeezenet1_0.safetensors"
""")


USE = ["mobilenet", "tfsame", "squeeze"]


def whole_command(data: Path, runs: int, folder: Path, engine: str) -> None:
    """JPEG to store: the command as a user gives it, with an empty store, converted networks kept from before."""
    out = folder / "yardstick.npy"
    photographs, weights = data / "oasis", data / "weights"

    def theirs() -> None:
        command = [PYTHON, "-m", "benchmarks.yardstick", str(photographs / "images"), str(weights), str(out)]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)

    def ours() -> None:
        shutil.rmtree(folder / ".mediaeval", ignore_errors=True)
        code = "from mediaeval.cli import main; main()"
        command = [PYTHON, "-c", code, "features", str(photographs), "--use", ",".join(USE), "--engine", engine]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, cwd=folder, capture_output=True, env=environment)

    ours()  # converts the networks, once
    times = in_turns(runs, theirs, ours)
    X = stored_features(photographs, folder, engine)
    Y = np.load(out)
    least = min(cosine(X[name], Y[:, a:b]) for name, a, b in zip(USE, (0, 1280, 2560), (1280, 2560, 3072), strict=True))
    scores = probe_scores(data, np.concatenate([X[name] for name in USE], axis=1), Y)
    agreement = f"least cosine {least:.5f}; probe F1 {scores[0]:.3f}, of the yardstick's features {scores[1]:.3f}"
    row(f"features, 483 photographs × 3 networks, whole command, {engine}", times, agreement)


def stored_features(photographs: Path, folder: Path, engine: str) -> dict[str, np.ndarray]:
    """Return what the command stored, rows in the order of the sorted file names."""
    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.steps.prepare import build_networks, features_of

    config = load_config(folder / "mediaeval.toml", use=",".join(USE), engine=engine)
    dataset = load_dataset(photographs)
    features = features_of(dataset, config, build_networks(config, "cpu"), skip_bad=False)
    assert not features.computed, "the command stored them"
    ids = sorted(dataset.ids, key=lambda i: dataset.image_paths[i].name)
    return {name: features.block(name, ids).to_numpy() for name in USE}


def probe_scores(data: Path, *matrices: np.ndarray) -> list[float]:
    """Return the weighted F1 of logistic regression on each matrix, over the same folds by concept."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mediaeval.data.dataset import load_dataset
    from mediaeval.data.split import read_csv_by_id

    dataset = load_dataset(data / "oasis")
    ids = sorted(dataset.ids, key=lambda i: dataset.image_paths[i].name)
    y = dataset.labels("subtask1").loc[ids].to_numpy().argmax(axis=1)
    groups = read_csv_by_id(data / "oasis/norms.csv")["concept"].loc[ids].to_numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    predicted = [cross_val_predict(probe, X, y, groups=groups, cv=GroupKFold(5)) for X in matrices]
    return [f1_score(y, p, average="weighted", zero_division=0) for p in predicted]


def one_network(model_name: str, side: int, runs: int, wanted: str, images: int = 32) -> None:
    """Images already decoded, random weights: eager torch in batches of 16 against the engine."""
    import timm
    import torch

    from mediaeval.features.engines import Made, choose_engine
    from mediaeval.features.modules import OfPixels

    torch.manual_seed(0)
    model = timm.create_model(model_name, num_classes=0).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (images, side, side, 3), dtype=np.uint8)
    module = OfPixels(model, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval()
    engine = choose_engine(wanted, "cpu")
    loaded = engine.load(
        model_name, {"benchmark": f"{model_name} {side} {timm.__version__}"}, lambda: Made(module, pixels[0], {})
    )
    results: dict[str, np.ndarray] = {}

    def theirs() -> None:
        with torch.inference_mode():
            batches = [module(torch.from_numpy(pixels[k : k + 16])) for k in range(0, images, 16)]
            results["theirs"] = torch.cat(batches).numpy()

    def ours() -> None:
        vectors, started = [], []
        for k in range(0, images, loaded.batch):
            if len(started) == loaded.in_flight:
                vectors.append(started.pop(0)())
            started.append(loaded.start(pixels[k : k + loaded.batch]))
        results["ours"] = np.concatenate([*vectors, *(wait() for wait in started)])

    theirs(), ours()
    times = in_turns(runs, theirs, ours)
    row(
        f"{model_name}, {side}², {images} decoded images",
        times,
        f"least cosine {cosine(results['ours'], results['theirs']):.5f}; {loaded.engine}",
    )


def views(data: Path, runs: int, folder: Path, images: int = 40, k: int = 4) -> None:
    """Augmented views end to end, from the JPEG to the vectors of three networks."""
    from benchmarks.yardstick import features
    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.features.extract import extract
    from mediaeval.features.store import FeatureStore
    from mediaeval.steps.prepare import build_networks

    some = folder / "some"
    some.mkdir()
    for path in sorted((data / "coco/images").glob("*.jpg"))[:images]:
        shutil.copy(path, some)
    dataset = load_dataset(some, labelled=False)
    config = load_config(folder / "mediaeval.toml", use=",".join(USE))
    networks = build_networks(config, "cpu")
    extract(dataset, networks, FeatureStore(folder / "plain"))  # the plain vectors are no part of this
    made: list[np.ndarray] = []

    def ours(workers: int | None = None) -> None:
        store = folder / "views"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(folder / "plain", store)
        found = extract(dataset, networks, FeatureStore(store), views=k, view_ids=dataset.ids, workers=workers)
        made.append(found.views(USE, dataset.ids, k))

    paths = [dataset.image_paths[i] for i in dataset.ids]
    ours()
    with contextlib.redirect_stderr(io.StringIO()):
        times = in_turns(runs, lambda: features(paths, data / "weights", k), ours)
    ours(workers=1)
    same = all(np.array_equal(made[0], other) for other in made[1:])
    row(
        f"{k} augmented views of {images} photographs × 3 networks",
        times,
        f"{'the same' if same else 'NOT the same'} bytes in {len(made)} runs with 1 and {os.cpu_count()} workers",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="the row whose function is called so")
    options = parser.parse_args()
    data = options.data.resolve()
    print(
        "| work | yardstick, s | ours, s | ratio: least – median – most | agreement |\n|---|---|---|---|---|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_settings(folder, data / "weights")
        rows = {
            "whole_command": lambda: whole_command(data, options.runs, folder, "openvino"),
            "whole_command bf16": lambda: whole_command(data, options.runs, folder, "openvino-bf16"),
            "resnet152": lambda: one_network("resnet152", 224, options.runs, "openvino"),
            "resnet152 bf16": lambda: one_network("resnet152", 224, options.runs, "openvino-bf16"),
            "efficientnet_b2": lambda: one_network("tf_efficientnet_b2", 260, options.runs, "openvino"),
            "efficientnet_b2 bf16": lambda: one_network("tf_efficientnet_b2", 260, options.runs, "openvino-bf16"),
            "views": lambda: views(data, options.runs, folder),
            "check": lambda: check_command(options.runs, folder),
            "help": lambda: row_alone(
                "`mediaeval --help`, cold",
                options.runs,
                [
                    PYTHON,
                    "-c",
                    "import sys; sys.argv = ['mediaeval', '--help']; from mediaeval.cli import main; main()",
                ],
                "wanted ≤ 0.5 s",
            ),
        }
        for title, work in rows.items():
            if options.only in title:
                work()


def check_command(runs: int, folder: Path) -> None:
    """Check a run file of 1,199 rows from a cold start."""
    from submission.tasks import OFFICIAL_HEADER

    rows = [f"{k:08x}-0000-4000-8000-000000000000,negative" + ",0" * 17 for k in range(1199)]
    (folder / "run.csv").write_text("\n".join([",".join(OFFICIAL_HEADER), *rows]) + "\n", newline="")
    (folder / "testset.csv").write_text("\n".join(["id", *(line.split(",")[0] for line in rows)]) + "\n", newline="")
    command = [PYTHON, "-m", "submission", "check", str(folder / "run.csv"), "--ids", str(folder / "testset.csv")]
    row_alone("`python -m submission check`, 1,199 rows, cold", runs, command, "wanted ≤ 0.2 s")


if __name__ == "__main__":
    main()
