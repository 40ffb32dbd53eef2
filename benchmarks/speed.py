"""Speed as ratios to today's careful pipeline (`benchmarks.yardstick`), measured in turns in one run.

    python -m benchmarks.speed ../shared/data [--runs 5] [--only WORD]

In a round, the yardstick and all that is compared with it run once each, so that other load affects all of them, and
one run of the yardstick serves every engine. Printed: seconds of the fastest run of each, ratios of the pairs as
least - median - most, and how well the results agree. To stay below ten minutes on 2 cores, whole commands are timed
on every fourth image, which makes start-up a larger share of both; the agreement is that of all images.
"""

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.table import HEAD, ROOT, in_turns, row, row_alone
from mediaeval.features.precision import least_cosine
from submission.visual_sentiment import VISUAL_SENTIMENT_2021

PYTHON = sys.executable
USE = ["mobilenet", "tfsame", "squeeze"]
ENGINES = ["openvino", "openvino-mixed", "openvino-bf16"]


def write_settings(folder: Path, weights: Path, decoder: str = "pillow") -> None:
    """Write a mediaeval.toml with the three shared networks."""
    (folder / "mediaeval.toml").write_text(f"""
[features]
store = ".mediaeval/features"
decoder = "{decoder}"
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


def command(folder: Path, engine: str, dataset: Path, *uses: list[str]) -> Callable[[], None]:
    """Return a function that runs `mediaeval features` in `folder`, once for each of `uses`, with an empty store.

    It is a command as a user enters it. The first run converts the networks, once.
    """

    def run() -> None:
        shutil.rmtree(folder / ".mediaeval", ignore_errors=True)
        code = "from mediaeval.cli import main; main()"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        for use in uses:
            line = [PYTHON, "-c", code, "features", str(dataset), "--use", ",".join(use), "--engine", engine]
            subprocess.run(line, check=True, cwd=folder, capture_output=True, env=environment)

    return run


def with_settings(folder: Path, weights: Path, decoder: str = "pillow") -> Path:
    """Return a new folder with a mediaeval.toml in it."""
    folder.mkdir()
    write_settings(folder, weights, decoder)
    return folder


def vectors_of(dataset_folder: Path, folder: Path, engine: str) -> tuple[dict[str, np.ndarray], int]:
    """Return the vectors by network, rows by file name, and how many of them were not in the folder's store."""
    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.steps.prepare import build_networks, features_of
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    config = load_config(folder / "mediaeval.toml", task=VISUAL_SENTIMENT_2021, use=",".join(USE), engine=engine)
    dataset = load_dataset(dataset_folder, VISUAL_SENTIMENT_2021)
    features = features_of(dataset, config, build_networks(config, "cpu"), skip_bad=False)
    ids = sorted(dataset.ids, key=lambda i: dataset.image_paths[i].name)
    return {name: features.block(name, ids).to_numpy() for name in USE}, features.computed.total()


def whole_command(data: Path, runs: int, folder: Path) -> None:
    """JPEG to store: the command by each engine; three networks in one command against a command per network."""
    oasis, weights, out = data / "oasis", data / "weights", folder / "yardstick.npy"
    some = folder / "some"
    some.mkdir()
    for path in sorted((oasis / "images").glob("*.jpg"))[::4]:
        shutil.copy(path, some)
    n = len(list(some.iterdir()))

    def yardstick(images: Path = some) -> None:
        line = [PYTHON, "-m", "benchmarks.yardstick", str(images), str(weights), str(out)]
        subprocess.run(line, check=True, cwd=ROOT, capture_output=True)

    folders = {engine: with_settings(folder / engine, weights) for engine in ENGINES}
    apart = with_settings(folder / "apart", weights)
    ours = [command(folders[engine], engine, some, USE) for engine in ENGINES]
    one_by_one = command(apart, "openvino", some, *([name] for name in USE))
    for work in (*ours, one_by_one):
        work()
    theirs, *by_engine, three = in_turns(runs, yardstick, *ours, one_by_one)
    yardstick(oasis / "images")
    Y = np.load(out)
    for engine, seconds in zip(ENGINES, by_engine, strict=True):
        X, computed = vectors_of(oasis, folders[engine], engine)
        assert computed == 3 * (len(Y) - n), "the command stored the vectors that it was timed with"
        parts = zip(USE, np.split(Y, (1280, 2560), axis=1), strict=True)
        cosines = ", ".join(f"{name} {least_cosine(X[name], part):.5f}" for name, part in parts)
        scores = probe_scores(data, np.concatenate([X[name] for name in USE], axis=1), Y)
        row(
            f"features, {n} images × 3 networks, whole command, {engine}",
            theirs,
            seconds,
            f"{len(Y)} images: least cosine {cosines}; probe F1 {scores[0]:.3f}, yardstick's {scores[1]:.3f}",
        )
    together, _ = vectors_of(some, folders["openvino"], "openvino")
    separate, computed = vectors_of(some, apart, "openvino")
    same = not computed and all(np.array_equal(together[name], separate[name]) for name in USE)
    row(
        "3 networks in one command, images decoded once, against ours in 3 commands, openvino",
        three,
        by_engine[0],
        f"{'identical' if same else 'DIFFERENT'} vectors",
    )


def scaled(data: Path, runs: int, folder: Path) -> None:
    """Large images, real ones enlarged: ours with the scaled decoder against ours with the usual one."""
    from PIL import Image, ImageOps
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mediaeval.data.dataset import load_dataset

    large = folder / "large"
    (large / "images").mkdir(parents=True)
    shutil.copy(data / "coco/devset.csv", large)
    for path in sorted((data / "coco/images").glob("*.jpg")):
        image = Image.open(path).convert("RGB")
        size = (1600, 1200) if image.width >= image.height else (1200, 1600)
        ImageOps.fit(image, size, Image.Resampling.BICUBIC).save(large / "images" / path.name, quality=90)
    folders = {name: with_settings(folder / name, data / "weights", name) for name in ("pillow", "scaled")}
    works = [command(folders[name], "openvino", large, USE) for name in folders]
    works[0]()
    times = in_turns(runs, *works)
    (A, _), (B, _) = (vectors_of(large, folders[name], "openvino") for name in folders)
    dataset = load_dataset(large, VISUAL_SENTIMENT_2021)
    T = dataset.labels("subtask2").loc[sorted(dataset.ids)].to_numpy()
    probe = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(C=0.01, max_iter=500)))
    scores = []
    for X in (B, A):
        predicted = cross_val_predict(probe, np.concatenate([X[name] for name in USE], axis=1), T, cv=KFold(5))
        scores.append(f1_score(T, predicted, average="weighted", zero_division=0))
    cosines = ", ".join(f"{name} {least_cosine(A[name], B[name]):.4f}" for name in USE)
    row(
        f"{len(T)} images of 1600 × 1200 × 3 networks, openvino, decoder scaled against ours with pillow",
        *times,
        f"least cosine {cosines}; probe F1 {scores[0]:.3f} against {scores[1]:.3f}",
    )


def probe_scores(data: Path, *matrices: np.ndarray) -> list[float]:
    """Return the weighted F1 of logistic regression on each matrix, over the same folds by concept."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mediaeval.data.dataset import load_dataset
    from mediaeval.data.split import read_csv_by_id

    dataset = load_dataset(data / "oasis", VISUAL_SENTIMENT_2021)
    ids = sorted(dataset.ids, key=lambda i: dataset.image_paths[i].name)
    y = dataset.labels("subtask1").loc[ids].to_numpy().argmax(axis=1)
    groups = read_csv_by_id(data / "oasis/norms.csv")["concept"].loc[ids].to_numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    predicted = [cross_val_predict(probe, X, y, groups=groups, cv=GroupKFold(5)) for X in matrices]
    return [f1_score(y, p, average="weighted", zero_division=0) for p in predicted]


def one_network(model_name: str, side: int, runs: int, images: int = 32) -> None:
    """Images already decoded, random weights: eager torch in batches of 16 against the engine."""
    import timm
    import torch

    from mediaeval.features.engines import CompiledModel, ModuleSpec, resolve_engine
    from mediaeval.features.modules import OfPixels

    torch.manual_seed(0)
    model = timm.create_model(model_name, num_classes=0).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (images, side, side, 3), dtype=np.uint8)
    module = OfPixels(model, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).eval()
    key = {"benchmark": f"{model_name} {side} {timm.__version__}"}
    results: dict[str, np.ndarray] = {}

    def theirs() -> None:
        with torch.inference_mode():
            batches = [module(torch.from_numpy(pixels[k : k + 16])) for k in range(0, images, 16)]
            results["yardstick"] = torch.cat(batches).numpy()

    def by(engine: str, compiled: CompiledModel) -> Callable[[], None]:
        def ours() -> None:
            vectors: list[np.ndarray] = []
            started: list[Callable[[], np.ndarray]] = []
            for k in range(0, images, compiled.batch):
                if len(started) == compiled.in_flight:
                    vectors.append(started.pop(0)())
                started.append(compiled.start(pixels[k : k + compiled.batch]))
            results[engine] = np.concatenate([*vectors, *(wait() for wait in started)])

        return ours

    engines = {}
    for engine in ("openvino", "openvino-bf16"):
        engines[engine] = resolve_engine(engine, "cpu").load(model_name, key, lambda: ModuleSpec(module, pixels[0], {}))
    works = [theirs, *(by(engine, compiled) for engine, compiled in engines.items())]
    for work in works:
        work()
    seconds, *by_engine = in_turns(runs, *works)
    for engine, own in zip(engines, by_engine, strict=True):
        row(
            f"{model_name}, {side}², {images} decoded images, {engine}",
            seconds,
            own,
            f"least cosine {least_cosine(results[engine], results['yardstick']):.5f} (random weights)",
        )


def views(data: Path, runs: int, folder: Path, images: int = 24, k: int = 4) -> None:
    """Augmented views end to end, from the JPEG to the vectors of three networks."""
    from benchmarks.yardstick import features
    from mediaeval.config import load_config
    from mediaeval.data.dataset import load_dataset
    from mediaeval.features.extract import extract
    from mediaeval.features.store import FeatureStore
    from mediaeval.steps.prepare import build_networks
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    some = folder / "of-views"
    some.mkdir()
    for path in sorted((data / "coco/images").glob("*.jpg"))[:images]:
        shutil.copy(path, some)
    dataset = load_dataset(some, VISUAL_SENTIMENT_2021, labelled=False)
    paths = [dataset.image_paths[i] for i in dataset.ids]
    made: dict[str, list[np.ndarray]] = {}

    def by(engine: str) -> Callable[..., None]:
        networks = build_networks(
            load_config(folder / "mediaeval.toml", task=VISUAL_SENTIMENT_2021, use=",".join(USE), engine=engine), "cpu"
        )
        plain, store = folder / f"plain-{engine}", folder / f"views-{engine}"
        extract(dataset, networks, FeatureStore(plain))  # the plain vectors are no part of this

        def ours(workers: int | None = None) -> None:
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(plain, store)
            found = extract(dataset, networks, FeatureStore(store), views=k, view_ids=dataset.ids, workers=workers)
            made.setdefault(engine, []).append(found.views(USE, dataset.ids, k))

        return ours

    works = {engine: by(engine) for engine in ("openvino", "openvino-bf16")}
    for work in works.values():
        work(workers=1)
    with contextlib.redirect_stderr(io.StringIO()):
        theirs, *by_engine = in_turns(runs, lambda: features(paths, data / "weights", k), *works.values())
    for engine, seconds in zip(works, by_engine, strict=True):
        first, *others = made[engine]
        same = "the same" if all(np.array_equal(first, other) for other in others) else "NOT the same"
        row(
            f"{k} augmented views of {images} images × 3 networks, {engine}",
            theirs,
            seconds,
            f"{same} bytes in {len(made[engine])} runs with 1 and {os.cpu_count()} workers",
        )


def check_command(runs: int, folder: Path) -> None:
    """Check a run file of 1,199 rows from a cold start."""
    from submission.visual_sentiment import VISUAL_SENTIMENT_2021

    rows = [f"{k:08x}-0000-4000-8000-000000000000,negative" + ",0" * 17 for k in range(1199)]
    (folder / "run.csv").write_text("\n".join([",".join(VISUAL_SENTIMENT_2021.header.cells), *rows]) + "\n", newline="")
    (folder / "testset.csv").write_text("\n".join(["id", *(line.split(",")[0] for line in rows)]) + "\n", newline="")
    command = [PYTHON, "-m", "submission", "check", str(folder / "run.csv"), "--ids", str(folder / "testset.csv")]
    row_alone("`python -m submission check`, 1,199 rows, cold", runs, command, "limit 0.2 s")


def help_command(runs: int) -> None:
    """Ask for help from a cold start."""
    code = "import sys; sys.argv = ['mediaeval', '--help']; from mediaeval.cli import main; main()"
    row_alone("`mediaeval --help`, cold", runs, [PYTHON, "-c", code], "limit 0.3 s")


def head(runs: int, title: str) -> None:
    """Train a head."""
    from benchmarks.heads import measure

    measure(title, runs, epochs=4)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    options = parser.parse_args()
    data, runs = options.data.resolve(), options.runs
    print(f"{os.cpu_count()} processors, {runs} runs per row, in turns\n\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_settings(folder, data / "weights")
        works = {
            "whole command": lambda: whole_command(data, runs, folder),
            "scaled": lambda: scaled(data, runs, folder),
            "resnet152": lambda: one_network("resnet152", 224, runs),
            "efficientnet_b2": lambda: one_network("tf_efficientnet_b2", 260, runs),
            "views": lambda: views(data, runs, folder),
            "moe": lambda: head(runs, "mixture of experts, 3 classes"),
            "dense": lambda: head(runs, "dense 1000-200, 7 labels"),
            "check": lambda: check_command(runs, folder),
            "help": lambda: help_command(runs),
        }
        for title, work in works.items():
            if options.only in title:
                work()


if __name__ == "__main__":
    main()
