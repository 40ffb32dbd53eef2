"""Task files that are drawn, and a sound run of each.

drawn = draw(seed)
drawn.task   # read from drawn.text, a task file
drawn.data   # the bytes of a sound run of the ids `drawn.ids`
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from submission.faults.fault import Table
from submission.faults.sheet import is_sound, write_sheet
from submission.task import Task
from submission.taskfile import parse_task

WORDS = ("calm", "angry", "storm", "clear", "fog", "joy", "fear", "néant", "real", "fake", "very-good")
HEADINGS = ("mood", "T1", "prob(%)", "motility", "label", "score", "flood-related", "Émotion", "T2.1:Joy", "x_1", "Q")
SCORED = ("label", "flag", "probability", "score", "set")


@dataclass
class DrawnTask:
    """A task file, the ids of its test list, and the cells of a sound run."""

    text: str
    task: Task
    ids: list[str]
    table: Table

    @property
    def data(self) -> bytes:
        """The bytes of the sound run."""
        return write_sheet(self.table, self.task).encode()


def draw(seed: int) -> DrawnTask:
    """Return a drawn task; equal seeds give equal ones."""
    return _Drawing(np.random.default_rng((seed, 14))).drawn()


@dataclass
class _Column:
    keys: dict[str, Any]
    cell: Callable[[], str]


class _Drawing:
    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.columns: list[_Column] = []
        container = self.pick("csv", "csv", "csv", "tsv", "jsonl", "json")
        self.file: dict[str, Any] = {"container": container, "line_end": self.pick("lf", "lf", "lf", "crlf", "any")}
        self.between = {"csv": self.pick(",", ",", ",", ";", "\t", ", ", " "), "tsv": "\t"}.get(container, "")
        if container == "csv":
            self.file["separator"] = self.between
        if container in ("csv", "tsv"):
            self.file["header"] = self.chance(0.6)

    def drawn(self) -> DrawnTask:
        ids, names = self.ids()
        kinds = ["mix", "mix", "mix", "threshold", "sum", *(["rank"] if self.file["container"] != "json" else [])]
        profile = self.pick(*kinds)
        rows, rules = {"mix": self.mix, "threshold": self.threshold, "sum": self.sum, "rank": self.rank}[profile](names)
        columns = [one.keys for one in self.columns]
        text = _toml(self.file, ids, columns, rules, self.subtasks(profile), self.runs())
        task = parse_task(text, "drawn.toml")
        table = [[task.id_column, *(column.heading for column in task.columns)], *rows]
        assert is_sound(table, task), f"a drawn run is not sound:\n{text}"
        listed = list(dict.fromkeys(cells[0] for cells in rows))
        if task.layout.coverage == "subset":
            listed.append(listed[0][:-1] if len(listed) > 1 else listed[0])
            listed = list(dict.fromkeys(listed))
            listed = sorted(listed) if task.layout.order == "sorted" else listed
        if task.layout.coverage == "extra":
            listed = listed[2:]
        return DrawnTask(text, task, listed, table)

    def ids(self) -> tuple[dict[str, Any], list[str]]:
        """Return what a task file says of ids, and the ids of a run, in order."""
        style = self.pick("image", "number", "zeros", "letters", "dashes")
        numbers = [int(n) for n in self.rng.choice(90_000, self.whole(12, 40), replace=False) + 10_000]
        write: dict[str, Callable[[int], str]] = {
            "image": lambda n: f"img{n}",
            "number": lambda n: f"{1_000_000_000_000_000_000 + 7 * n}",
            "zeros": lambda n: f"00{n}",
            "letters": lambda n: "".join(chr(97 + int(digit)) for digit in str(n)) + "Q",
            "dashes": lambda n: f"_Ha-{n}_x",
        }
        extension = ".jpg" if self.chance(0.3) else ""
        names = [write[style](n) + extension for n in numbers]
        order = self.pick("any", "any", "list", "sorted")
        ids = {"column": self.pick("id", "image_id", "tweet"), "order": order, "extension": bool(extension)}
        ids["coverage"] = self.pick("all", "all", "all", "subset", "extra")
        pattern = {"image": "img[0-9]{5}", "number": "[0-9]{19}", "zeros": "00[0-9]{5}"}.get(style)
        if pattern and self.chance(0.5):
            ids["pattern"] = pattern + extension
        return ids, sorted(names) if order == "sorted" else names

    def mix(self, names: list[str]) -> tuple[Table, list[dict[str, Any]]]:
        for _ in range(self.whole(1, 6)):
            self.add(self.pick(*SCORED, "label", "flag", "constant", "text"))
        if not any(one.keys["type"] in SCORED for one in self.columns):
            self.add("label")
        return self.rows(names), []

    def threshold(self, names: list[str]) -> tuple[Table, list[dict[str, Any]]]:
        bound = self.pick("0.5", "0.25", "0.731")
        self.add("probability")
        self.add(self.pick("flag", "label"))
        if "labels" in self.columns[1].keys:
            del self.columns[1].keys["labels"][2:]
        self.add("constant", of="probability")
        prob, label, threshold = (one.keys for one in self.columns)
        labels = label.get("labels", ["0", "1"])
        rows = self.rows(names)
        for cells in rows:
            cells[2:] = [labels[-1] if float(cells[1]) >= float(bound) else labels[0], bound]
        rule = {"rule": "threshold", "label": label["heading"], "probability": prob["heading"]}
        rule["threshold"] = threshold["heading"]
        return rows, [rule | ({"positive": labels[-1]} if "labels" in label else {})]

    def sum(self, names: list[str]) -> tuple[Table, list[dict[str, Any]]]:
        for _ in range(self.whole(2, 4)):
            self.add("score", low=0, high=100)
        rows = self.rows(names)
        for cells in rows:
            cuts = np.sort(self.rng.integers(0, 10_001, len(self.columns) - 1))
            cells[1:] = [f"{part / 100:.2f}" for part in np.diff([0, *cuts, 10_000])]
        headings = [one.keys["heading"] for one in self.columns]
        return rows, [{"rule": "sum", "columns": headings, "total": 100, "tolerance": self.pick(0.01, 0.5)}]

    def rank(self, names: list[str]) -> tuple[Table, list[dict[str, Any]]]:
        first, most = self.pick(0, 1), self.pick(5, 10, 100)
        if self.chance(0.5):
            self.add("constant", value="Q0")
        self.add("document")
        self.add("rank", first=first, most=most)
        self.add("score")
        if self.chance(0.5):
            self.add("text")
        place = {one.keys["type"]: number for number, one in enumerate(self.columns, 1)}
        rows = []
        for name in names[:8]:
            found = self.rows([name] * self.whole(3, min(most, 12)))
            scores = sorted((float(cells[place["score"]]) for cells in found), reverse=True)
            for number, cells in enumerate(found):
                cells[place["rank"]] = str(first + number)
                cells[place["document"]] = f"doc{number}-{name}"
                cells[place["score"]] = repr(scores[number])
            rows += found
        return rows, []

    def rows(self, names: list[str]) -> Table:
        return [[name, *(one.cell() for one in self.columns)] for name in names]

    def add(self, kind: str, **keys: Any) -> None:
        """Add a column of a type, with what draws its cells."""
        taken = {one.keys["heading"] for one in self.columns}
        heading = self.pick(*(name for name in HEADINGS if name not in taken))
        keys = {"heading": heading, "type": kind} | keys
        self.columns.append(_Column(keys, getattr(self, f"of_{kind}")(keys)))

    def of_label(self, keys: dict[str, Any]) -> Callable[[], str]:
        keys["labels"] = [str(word) for word in self.rng.choice(WORDS, self.whole(2, 5), replace=False)]
        return lambda: self.pick(*keys["labels"])

    def of_flag(self, keys: dict[str, Any]) -> Callable[[], str]:
        return lambda: self.pick("0", "1")

    def of_probability(self, keys: dict[str, Any]) -> Callable[[], str]:
        return lambda: f"{self.rng.random():.4g}"

    def of_score(self, keys: dict[str, Any]) -> Callable[[], str]:
        if "low" not in keys and self.chance(0.5):
            keys["low"], keys["high"] = -3, 5
        return lambda: f"{self.rng.uniform(keys.get('low', -9), keys.get('high', 9)):.4f}"

    def of_set(self, keys: dict[str, Any]) -> Callable[[], str]:
        signs = [sign for sign in (";", "|", "+") if sign not in self.between]
        keys["separator"] = self.pick(*signs)
        items = [f"C{n:04d}" for n in range(20)]
        if self.chance(0.5):
            keys["items"] = items
        elif self.chance(0.5):
            keys["pattern"] = "C[0-9]{4}"
        if self.chance(0.5):
            keys["most"] = 4
        keys["empty"] = self.chance(0.3)
        low = 0 if keys["empty"] else 1
        return lambda: keys["separator"].join(self.rng.choice(items, self.whole(low, 4), replace=False))

    def of_rank(self, keys: dict[str, Any]) -> Callable[[], str]:
        return lambda: "0"

    def of_document(self, keys: dict[str, Any]) -> Callable[[], str]:
        return lambda: "doc"

    def of_text(self, keys: dict[str, Any]) -> Callable[[], str]:
        return lambda: f"run-{self.whole(1, 9)}"

    def of_constant(self, keys: dict[str, Any]) -> Callable[[], str]:
        if "value" not in keys and "of" not in keys:
            keys |= self.pick({"value": "Q0"}, {"of": "probability"}, {"of": "text"})
        value = keys.get("value") or {"probability": "0.5"}.get(keys.get("of", ""), "tag1")
        return lambda: value

    def subtasks(self, profile: str) -> list[dict[str, Any]]:
        """Return the subtasks: none, so that all columns are one's, or one for each scored column."""
        scored = [one.keys for one in self.columns if one.keys["type"] in SCORED]
        alike = {keys["type"] for keys in scored} in ({"flag"}, {"probability"}, {"score"}) or len(scored) == 1
        if profile != "mix" or (alike and self.chance(0.5)):
            return []
        return [{"name": f"part{n}", "columns": [keys["heading"]]} for n, keys in enumerate(scored, 1)]

    def runs(self) -> list[dict[str, Any]]:
        if self.chance(0.5):
            return []
        named = {"file": "{team}_open.txt"}
        if self.chance(0.5):
            named = {"file": "*.txt", "zip": "{team}_open.zip"}
        return [{"kind": "open", "required": True, "most": 2} | named]

    def pick(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def whole(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def _toml(
    file: dict[str, Any],
    ids: dict[str, Any],
    columns: list[dict[str, Any]],
    rules: list[dict[str, Any]],
    subtasks: list[dict[str, Any]],
    runs: list[dict[str, Any]],
) -> str:
    tables = [("[file]", file), ("[id]", ids)]
    for name, many in (("columns", columns), ("rules", rules), ("subtasks", subtasks), ("runs", runs)):
        tables += [(f"[[{name}]]", one) for one in many]
    lines = ['name = "drawn"']
    for title, keys in tables:
        lines += ["", title, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"
