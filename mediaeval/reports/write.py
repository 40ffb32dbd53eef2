"""Writing a report: its numbers as JSON, and the page with its pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mediaeval.errors import ConfigError, UserError
from mediaeval.files import write_atomically
from mediaeval.finetune.model import SystemModel
from mediaeval.interpret.inspectable import InspectableRun
from mediaeval.reports.inputs import Inputs, read_inputs
from mediaeval.reports.maps import labels_to_explain, system_maps
from mediaeval.reports.page import write_page
from mediaeval.reports.report import Report, make_report
from mediaeval.runs import RunFolder
from submission.task import Task

Maps = dict[str, dict[int, list[tuple[str, Image.Image]]]]


@dataclass(frozen=True)
class WrittenReport:
    """What was written; `size` of the page in bytes, `gone`: image → why it has no tile, `sampled`: why not all."""

    page: Path
    data: Path
    size: int
    n_images: int
    gone: dict[str, str]
    sampled: str


def write_report(
    folders: Sequence[RunFolder], task: Task, page: Path, *, tile: int, anonymous: bool = False, device: str = "auto"
) -> WrittenReport:
    """Write the report of one run or two: `page`, and its numbers beside it with the suffix .json.

    Raises ConfigError for a page that would take the place of a folder or lie within a run, and where its numbers would
    take the place of a file that is no report; and what `read_inputs` raises.
    """
    data = page.with_suffix(".json")
    _require_free(page, data, folders)
    inputs = read_inputs(folders, task, device=device)
    report = make_report(inputs, anonymous=anonymous)
    maps = {} if anonymous else _maps(inputs, report)
    written = write_page(report.data, report.files, page, tile=tile, maps=maps)
    for index, reason in written.gone.items():
        report.data["images"][index]["gone"] = reason
    text = json.dumps(report.data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_atomically(data, text.encode())
    images = report.data["images"]
    sampled = report.data["sampled"]
    gone = {image["id"]: image["gone"] for image in images if image["gone"]}
    return WrittenReport(page, data, written.size, len(images), gone, sampled["why"] if sampled else "")


def _require_free(page: Path, data: Path, folders: Sequence[RunFolder]) -> None:
    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out {page}: expected a name that ends in .html; its numbers are written beside it.")
    for path in (page, data):
        if path.is_dir():
            raise ConfigError(f"--out {page}: {path} is a folder. Give another name.")
    inside = page.resolve().parent
    own = {folder.path.resolve() for folder in folders}
    runs = own | {folder for folder in inside.parents if RunFolder(folder).manifest.is_file()}
    if any(inside != run and inside.is_relative_to(run) for run in runs):
        raise ConfigError(f"--out {page}: got a folder within a run, which predict and submit read. Choose another.")
    if data.exists() and not _is_report(data):
        raise ConfigError(
            f"--out {page}: its numbers would take the place of {data}, which is no report. Give another name."
        )


def _is_report(path: Path) -> bool:
    """Return whether a file is the JSON of a report, so that a new one may take its place."""
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.keys() >= {"format", "anonymous", "runs", "images", "subtasks"}


def _maps(inputs: Inputs, report: Report) -> Maps:
    """Return what systems look at in hard images; subtasks whose model is no system have none."""
    found: Maps = {}
    names = list(inputs.judged[0])
    for subtask in report.data["subtasks"]:
        of = inputs.first.task[names[report.data["subtasks"].index(subtask)]]
        try:
            model = inputs.first.model(of)
        except UserError as error:
            subtask["left_out"].append({"part": "maps", "reason": str(error)})
            continue
        if not isinstance(model, SystemModel):
            continue
        opened = InspectableRun(inputs.first, of, model)
        shown = {k: path for k, path in report.files.items() if k in set(subtask["hard"])}
        ids = {k: report.data["images"][k]["id"] for k in shown}
        labels = {k: named for k, named in labels_to_explain(_with_rows(subtask)).items() if k in shown}
        try:
            found[of.name] = system_maps(opened, inputs.dev, {k: ids[k] for k in labels}, labels)
        except UserError as error:
            subtask["left_out"].append({"part": "maps", "reason": str(error)})
    return found


def _with_rows(subtask: dict[str, Any]) -> dict[str, Any]:
    """Return a subtask whose hard images are those that it has rows of: another subtask's may not be."""
    rows = set(subtask["rows"]["image"])
    return subtask | {"hard": [k for k in subtask["hard"] if k in rows]}
