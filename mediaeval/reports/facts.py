"""What a report says of a run itself: what it was made of, and which proofs it has."""

from typing import Any

from mediaeval.digests import changed_files
from mediaeval.errors import RunFolderError, first_few
from mediaeval.files import file_digest
from mediaeval.records import RunManifest
from mediaeval.reports.run_in_words import extractor_in_words, model_in_words
from mediaeval.steps.trained_run import PREDICTED, TrainedRun
from submission.errors import RunFileError
from submission.ledger import Ledger
from submission.wording import both, counted

LEDGER = "ledger.jsonl"  # beside the runs


def run_facts(run: TrainedRun, *, anonymous: bool) -> dict[str, Any]:
    """Return a run's entry in a report; `anonymous`: without the paths of images."""
    return {
        "name": run.name,
        "digest": file_digest(run.folder.manifest),
        "command": "" if anonymous else run.manifest.command,
        "summary": _summary(run),
        "made_of": _made_of(run, anonymous=anonymous),
        "proofs": _proofs(run),
    }


def _summary(run: TrainedRun) -> str:
    """Return what a run was made of in a few words: `mobilenet and squeeze; subtask2 and subtask3: dense`."""
    subtasks: dict[str, list[str]] = {}
    for name, record in run.records.items():
        of = record.settings
        model = "ensemble" if of.get("ensemble") else of["system" if "system" in of else "classifier"]["name"]
        subtasks.setdefault(model, []).append(name)
    answered = [f"{both(names)}: {model}" for model, names in subtasks.items()]
    return "; ".join([*([both(list(run.manifest.extractors))] if run.manifest.extractors else []), *answered])


def _made_of(run: TrainedRun, *, anonymous: bool) -> list[list[str]]:
    manifest, config = run.manifest, run.config
    left_out = f", {len(manifest.left_out)} more left out" if manifest.left_out else ""
    dev = "" if anonymous else f"{config.data.dev}: "
    facts = [["dev set", f"{dev}{counted(len(manifest.images), 'image{s}')}{left_out}"]]
    if manifest.extractors:
        extractors = [extractor_in_words(name, one.width, one.identity) for name, one in manifest.extractors.items()]
        facts.append(["features", f"{', '.join(extractors)}; scale: {config.features.scale}"])
    for name, record in run.records.items():
        folds = f"; {record.out_of_fold.folds} folds" if record.out_of_fold else "; no folds"
        facts.append([name, f"{model_in_words(record).rstrip('.')}{folds}"])
    facts.append(["seed", str(config.seed)])
    if versions := manifest.versions:
        named = ("mediaeval", "python", "torch", "scikit-learn")
        facts.append(["made by", ", ".join(f"{name} {versions[name]}" for name in named if name in versions)])
    return facts


def _proofs(run: TrainedRun) -> list[dict[str, Any]]:
    return [_unchanged(run), *_predicted(run)]


def _proof(name: str, passed: bool | None, text: str) -> dict[str, Any]:
    return {"name": name, "passed": passed, "text": text}


def _unchanged(run: TrainedRun) -> dict[str, Any]:
    name = "no file of the run was edited"
    if run.manifest.files is None:
        return _proof(name, None, "the run was made before version 0.2, which records no digests")
    damage = [str(one) for one in changed_files(run.folder.path, run.manifest, leave_out=PREDICTED)]
    damage += run.damaged_members()
    if damage:
        return _proof(name, False, first_few(damage))
    return _proof(
        name, True, f"{counted(len(run.manifest.files), 'file{s}')} have the sha256 that {RunManifest.FILE} holds"
    )


def _submit(run: TrainedRun) -> str:
    return f"mediaeval submit {run.name}{'' if len(run.records) == len(run.task.names) else ' --partial'}"


def _predicted(run: TrainedRun) -> list[dict[str, Any]]:
    """Return whether there are predictions of these models, and a run file that was proved and recorded."""
    predictions, sent = "the test images are predicted by these models", "the run file is proved and recorded"
    try:
        predicted = run.folder.read_predictions()
    except RunFolderError:
        return [
            _proof(predictions, None, f"mediaeval predict {run.name}{'' if run.config.data.test else ' --data TEST'}"),
            _proof(sent, None, _submit(run)),
        ]
    stale = [name for name, one in run.records.items() if predicted.models.get(name) not in one.models.values()]
    what = f"trained again since: {', '.join(stale)}" if stale else counted(len(predicted.ids), "image{s}")
    found = [_proof(predictions, not stale, what)]
    if not run.folder.run_csv.is_file():
        return [*found, _proof(sent, None, _submit(run))]
    digest = file_digest(run.folder.run_csv)
    try:
        recorded = [entry for entry in Ledger(run.folder.runs_dir / LEDGER, run.task).entries if entry.sha256 == digest]
    except RunFileError as error:
        return [*found, _proof(sent, False, error.problems[0])]
    text = f"{recorded[0].time}, sha256 {digest[:12]}…" if recorded else f"sha256 {digest[:12]}… is not in {LEDGER}"
    return [*found, _proof(sent, bool(recorded), text)]
