"""How reliably faults in run files are detected: the tables of docs/benchmarks.md.

    python -m benchmarks.integrity ../shared/data

Each split halves a set into dev and test at random; a model trained on the dev half predicts the test half, which gives
a run file of realistic quality; the file gets every fault of submission/faults.py and is judged, without test labels,
from the features of an extractor that the model did not use. For faults that cost at least 10 points of weighted F1 the
tables count how many were detected, and how many with a code of their kind; for sound files, how many raised an alarm:
those of the model, of the same model trained on a tenth of the dev half and on 24 images (poor, but honest), and of the
model with a third of its answers replaced by those for another image. The drawn sample has 1,199 test rows. OASIS and
COCO have 242 and 60, fewer than a test set, so many faults cannot be detected there; what matters is that sound files
raise no alarm.
"""

import argparse
import multiprocessing
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.photographs import shared_extractors
from mediaeval.classifiers.model import SubtaskModel
from mediaeval.data.dataset import load_dataset
from mediaeval.features.build import build
from mediaeval.features.extract import extract
from mediaeval.features.extractors import EXTRACTORS, WITNESS
from mediaeval.features.store import FeatureStore
from mediaeval.sample.draw import draw_sample
from submission.alignment.align import align, usual_orders
from submission.alignment.expectation import columns_of, expect, label_matrix
from submission.check import find_problems
from submission.faults import FORM, faults_of, spoil
from submission.labels import read_labels
from submission.runfile import format_run
from submission.score import weighted_f1
from submission.visual_sentiment import VISUAL_SENTIMENT_2021
from submission.visual_sentiment import VISUAL_SENTIMENT_2021 as TASK

COSTLY = 0.10  # points of weighted F1, 0..1, over the labels of all subtasks of the file
# codes that describe a fault correctly
KINDS = {
    "labels slipped": {"rows-shifted"},
    "slip ": {"rows-shifted", "rows-moved"},
    "by a column": {"columns-shifted"},
    "halves exchanged": {"rows-shifted", "rows-exchanged"},  # the same as a slip by half of the file
    "T2 and T3": {"columns-exchanged"},
    "negative and positive": {"classes-permuted"},
    "quarters": {"rows-exchanged"},
    "backwards": {"rows-reordered"},
    "sorted": {"rows-reordered"},
    "shuffled": {"rows-unrelated"},
    "swapped": {"columns-swapped"},
    "as text": {"columns-shifted", "columns-sorted", "columns-permuted"},
    "inverted": {"columns-inverted"},
    "rotated": {"classes-permuted"},
}
SPLITS = {"drawn": 80, "oasis": 60, "coco": 60}


class Images:
    """Ids, labels and features of a set: models learn from `run`, files are judged by `judge`."""

    def __init__(self, folders: list[Path], extractors: dict, judge: str, truth: Path | None, store: Path):
        datasets = [load_dataset(folder, VISUAL_SENTIMENT_2021) for folder in folders]
        networks = {name: build(name, extractor) for name, extractor in extractors.items()}
        features = [extract(dataset, list(networks.values()), FeatureStore(store)) for dataset in datasets]
        self.ids = [image_id for dataset in datasets for image_id in dataset.ids]
        self.labels = {name: dict(of_task) for name, of_task in datasets[0].table.labels.items()}
        if truth:
            for name, of_task in read_labels(truth, TASK).labels.items():
                self.labels[name] |= of_task
        self.subtasks = [subtask for subtask in TASK.subtasks if subtask.name in self.labels]
        self.Y = label_matrix(self.subtasks, self.labels, self.ids)
        names = [name for name in networks if name != judge]
        self.blocks = {name: networks[name].width for name in names}
        pairs = list(zip(features, datasets, strict=True))
        self.run = np.concatenate([found.matrix(names, dataset.ids) for found, dataset in pairs])
        self.judge = np.concatenate([found.matrix([judge], dataset.ids) for found, dataset in pairs])


def predict(images: Images, dev: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return decisions, 0/1 (n_test, n_columns), of logistic regressions, each label as often as in the dev set."""
    blocks, start = [], 0
    for subtask in images.subtasks:
        Y = images.Y[dev, start : start + len(subtask.labels)]
        start += len(subtask.labels)
        model = SubtaskModel(subtask, "logistic", {"C": 0.003}, images.blocks, "standard", seed)
        P = model.fit(images.run[dev], Y).predict_matrix(images.run[test]).to_numpy()
        if subtask.multi_label:
            cuts = [np.quantile(p, 1 - y.mean()) if y.any() else 2.0 for p, y in zip(P.T, Y.T, strict=True)]
            blocks.append(cuts < P)
        else:
            blocks.append(P.argmax(axis=1)[:, None] == np.arange(P.shape[1]))
    return np.concatenate(blocks, axis=1).astype(int)


def as_labels(images: Images, decided: np.ndarray, ids: list[str]) -> dict:
    """Return subtask → id → label."""
    labels, start = {}, 0
    for subtask in images.subtasks:
        labels[subtask.name] = subtask.from_matrix(decided[:, start : start + len(subtask.labels)], ids)
        start += len(subtask.labels)
    return labels


def one_split(job: tuple[str, Images, int]) -> list[tuple[str, str, bool, str]]:
    """Return (set, kind of file or fault, whether it counts, codes or verdict) for every file of one split."""
    name, images, seed = job
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images.ids))
    dev, test = order[: len(order) // 2], order[len(order) // 2 :]
    ids = [images.ids[k] for k in test]
    columns = columns_of(images.subtasks)
    expectation = expect(images.judge[dev], images.Y[dev], images.judge[test], ids, columns)
    orders = usual_orders(ids)
    header = TASK.header.only([subtask.name for subtask in images.subtasks])
    truth = images.Y[test]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.csv"

        def judged(data: bytes):
            path.write_bytes(data)
            run = read_labels(path, TASK)
            return align(run, expectation, orders), label_matrix(images.subtasks, run.labels, ids)

        good = predict(images, dev, test, seed)
        mixed = good.copy()
        third = rng.permutation(len(test))[: len(test) // 3]
        mixed[third] = good[rng.permutation(third)]
        tenth = predict(images, dev[: max(len(dev) // 10, 12)], test, seed)
        few = predict(images, dev[:24], test, seed)
        sound = {"good": good, "of a tenth": tenth, "of 24 images": few, "a third replaced": mixed}
        for what, decided in sound.items():
            verdict, _ = judged(format_run(header, ids, as_labels(images, decided, ids)))
            found.append((name, f"sound, {what}", True, " ".join(p.code for p in verdict.problems) or verdict.verdict))
        data = format_run(header, ids, as_labels(images, good, ids))
        before = weighted_f1(truth, good)
        for k, fault in enumerate(faults_of(TASK)):
            spoilt = spoil(fault, data, np.random.default_rng((seed, k)))
            if spoilt is None:
                continue
            if fault.kind == FORM:
                if seed < 10:  # a fault of form does not depend on the split
                    partial = header != TASK.header and fault.name != "subtask1 alone"
                    problems = find_problems(spoilt, ids, TASK.header, partial=partial)
                    codes = " ".join(sorted({p.code for p in problems if p.severity == "error"}))
                    found.append((name, "form", True, codes or "aligned"))
                continue
            verdict, decided = judged(spoilt)
            costly = before - weighted_f1(truth, decided) >= COSTLY
            found.append((name, fault.name, costly, " ".join(p.code for p in verdict.problems) or verdict.verdict))
    return found


def named(fault: str, codes: str) -> bool:
    """Return whether one of the codes describes this kind of fault."""
    return any(word in fault and set(codes.split()) & kinds for word, kinds in KINDS.items())


def report(name: str, rows: list[tuple[str, str, bool, str]]) -> None:
    """Print the table of one set."""
    print("\n| file or fault | files | detected | with its code | aligned | cannot tell |\n|---|---|---|---|---|---|")
    for what in dict.fromkeys(row[1] for row in rows):
        codes = [row[3] for row in rows if row[1] == what and row[2]]
        if not codes:
            continue
        tally = Counter("caught" if code not in ("aligned", "cannot-tell") else code for code in codes)
        kinds = sum(named(what, code) for code in codes)
        share = f"{tally['caught']} ({tally['caught'] / len(codes):.1%})"
        of_kind = "" if what.startswith("sound") or what == "form" else str(kinds)
        print(f"| {what} | {len(codes)} | {share} | {of_kind} | {tally['aligned']} | {tally['cannot-tell']} |")
    faults = [row for row in rows if row[2] and not row[1].startswith("sound") and row[1] != "form"]
    caught = sum(row[3] not in ("aligned", "cannot-tell") for row in faults)
    kinds = sum(named(row[1], row[3]) for row in faults)
    sound = [row for row in rows if row[1].startswith("sound")]
    alarms = sum(row[3] not in ("aligned", "cannot-tell") for row in sound)
    print(
        f"\n{name}: {caught} of {len(faults)} costly faults of meaning detected ({caught / max(len(faults), 1):.1%}), "
        f"{kinds} with their code; {alarms} alarms on {len(sound)} sound files ({alarms / len(sound):.1%})",
        flush=True,
    )


def main() -> None:
    """Print the tables of the drawn sample and of the photographs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds oasis/, coco/ and weights/")
    parser.add_argument("--store", type=Path, default=Path(".mediaeval/integrity"))
    parser.add_argument("--only", choices=list(SPLITS), help="one set")
    parser.add_argument("--splits", type=int, help="of each set")
    options = parser.parse_args()
    for name in [options.only] if options.only else SPLITS:
        if name == "drawn":
            sample = draw_sample(options.store / "sample", dev=1199, test=1199)
            own = {"handcrafted": EXTRACTORS["handcrafted"], "witness": WITNESS}
            images = Images([sample.devset, sample.testset], own, "witness", sample.truth, options.store)
        else:
            extractors = shared_extractors(options.data / "weights")
            images = Images([options.data / name], extractors, "tfsame", None, options.store)
        n_splits = options.splits or SPLITS[name]
        print(f"\n{name}: {n_splits} splits, {len(images.ids) - len(images.ids) // 2} test rows", flush=True)
        with multiprocessing.Pool(2) as pool:
            found = pool.map(one_split, [(name, images, seed) for seed in range(n_splits)], chunksize=1)
        report(name, [row for rows in found for row in rows])


if __name__ == "__main__":
    main()
