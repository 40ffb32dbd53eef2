"""The output of every command with --json, compared with what is recorded in tests/recorded/.

Other programs read this output: no key, exit status or value may be lost or renamed by accident. Each file holds one
command line of json_session.py, its exit status and its output, null where nothing was printed. Compared are exit
statuses, keys and their order, types, lengths of lists, strings, integers and booleans exactly, and other numbers to a
relative difference of 0.001. Two things are compared loosely: sentences may be reworded (`SENTENCES`), and digests and
the temporary folder, which differ between runs, are masked (`mask`).

After an intended change, record the output again, and review the diff of the files before committing it:

    python -m tests.mediaeval.cli.test_recorded_json --record
"""

import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mediaeval.cli import app
from tests.mediaeval.cli.json_session import Output, run_session

pytestmark = pytest.mark.integration

RECORDED = Path(__file__).parents[2] / "recorded"

# Keys whose strings are written for people: they may be reworded, but may not become empty. "key" is a string or a list
# of strings; "key.*" the values of a dictionary; "outer.key" a key of one dictionary only, as the verdict of `compare`
# is a phrase and that of `check` is one of three words.
SENTENCES = {
    "about",
    "an image",
    "came",
    "changed",
    "columns.*",
    "descriptions.*",
    "fallback.*",
    "from",
    "left_out.*",
    "licence",
    "meaning",
    "metric",
    "note",
    "notes",
    "pairs.verdict",
    "reason",
    "remedy",
    "source",
    "title",
    "unreadable.*",
    "wanted",
    "warnings",
    "weights",
}
RELATIVE, ABSOLUTE = 1e-3, 1e-6  # tolerances: processors and numbers of threads differ in how they round
DIGEST = re.compile(r"(?<![\w-])([0-9a-f]{64}|[0-9a-f]{12})(?![\w-])")  # whole or cut; not the end of a UUID
HINT = "If the change is intended, record it: python -m tests.mediaeval.cli.test_recorded_json --record"


# how long something takes, and how large pictures are
VARYING = ("trial_seconds", "start_seconds", "work_seconds", "images_per_second", "page_bytes")


def mask(value: Any, folder: str = "") -> Any:
    """Return a JSON value with digests of files and the temporary folder, which differ between runs, replaced."""
    if isinstance(value, dict):
        return {key: 0 if key in VARYING else mask(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner, folder) for inner in value]
    if isinstance(value, str):
        value = value.replace(folder, "<folder>") if folder else value
        return DIGEST.sub("<digest>", value)
    return value


def is_sentence(keys: tuple[str, ...]) -> bool:
    """Whether a string under these keys, outermost first, is written for people."""
    above, key = ("", "", *keys)[-2:]
    return not SENTENCES.isdisjoint({key, f"{above}.*", f"{above}.{key}"})


def differences(recorded: Any, got: Any, path: str = "", keys: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a line for each difference between two JSON values: its path, what was recorded and what was printed."""
    where = path or "the whole output"
    if type(recorded) is not type(got):
        yield f"{where}: recorded {_short(recorded)}, got {_short(got)}"
    elif isinstance(recorded, dict):
        yield from _differences_of_keys(list(recorded), list(got), where)
        for key in (key for key in recorded if key in got):
            yield from differences(recorded[key], got[key], f"{path}.{key}".removeprefix("."), (*keys, key))
    elif isinstance(recorded, list):
        if len(recorded) != len(got):
            yield f"{where}: recorded {len(recorded)} entries {_short(recorded)}, got {len(got)} {_short(got)}"
        for k, (one, other) in enumerate(zip(recorded, got, strict=False)):
            yield from differences(one, other, f"{path}[{k}]", keys)
    elif not _same(recorded, got, keys):
        yield f"{where}: recorded {_short(recorded)}, got {_short(got)}"


def _differences_of_keys(recorded: list[str], got: list[str], where: str) -> Iterator[str]:
    lost = [key for key in recorded if key not in got]
    new = [key for key in got if key not in recorded]
    if lost:
        yield f"{where}: recorded keys {lost} are missing"
    if new:
        yield f"{where}: got keys {new}, which are not recorded"
    if not lost and not new and recorded != got:
        yield f"{where}: recorded the order of keys {recorded}, got {got}"


def _same(recorded: Any, got: Any, keys: tuple[str, ...]) -> bool:
    if isinstance(recorded, float):
        return math.isclose(recorded, got, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    if isinstance(recorded, str) and is_sentence(keys):
        return bool(recorded.strip()) == bool(got.strip())
    return recorded == got


def _short(value: Any, limit: int = 200) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}…"


def record(folder: Path) -> None:
    """Run the session in an empty folder and replace the recorded files by a file per command line."""
    outputs = run_session(folder)
    for path in RECORDED.glob("*.json"):
        path.unlink()
    RECORDED.mkdir(exist_ok=True)
    for name, output in outputs.items():
        text = json.dumps(_rounded(mask(output, str(folder))), indent=1, ensure_ascii=False)
        (RECORDED / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Return a JSON value with six digits per number: more would differ between machines and blur diffs."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def read_recorded() -> dict[str, Output]:
    """Return what is recorded, as `run_session` returns it."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDED.glob("*.json"))}


def test_every_command_prints_the_recorded_json(tmp_path):
    recorded, got = read_recorded(), run_session(tmp_path)
    masked = {name: mask(output, str(tmp_path)) for name, output in got.items()}
    found = [f"{name}: not recorded" for name in masked if name not in recorded]
    found += [f"{name}: recorded, but no longer run" for name in recorded if name not in masked]
    for name in (name for name in masked if name in recorded):
        found += [f"{name}: {line}" for line in differences(recorded[name], masked[name])]
    assert not found, "\n".join([*found, HINT])


@pytest.mark.parametrize("name", get_command(app).commands)
def test_every_command_is_recorded(name):
    lines = [output["command"] for output in read_recorded().values() if output["exit"] == 0]
    assert any(f"{line} ".startswith(f"mediaeval {name} ") for line in lines)


EXAMPLE = {"run": "runs/a", "subtasks": [{"subtask": "subtask1", "f1": 0.5, "n": 3}], "notes": ["One.", ""]}


@pytest.mark.parametrize(
    ("got", "messages"),
    [
        (EXAMPLE, []),
        (EXAMPLE | {"notes": ["Another.", ""]}, []),
        (EXAMPLE | {"notes": ["", ""]}, ['notes[0]: recorded "One.", got ""']),
        (EXAMPLE | {"notes": ["One."]}, ['notes: recorded 2 entries ["One.", ""], got 1 ["One."]']),
        (EXAMPLE | {"run": "runs/b"}, ['run: recorded "runs/a", got "runs/b"']),
        (EXAMPLE | {"run": None}, ['run: recorded "runs/a", got null']),
        (EXAMPLE | {"more": 1}, ["the whole output: got keys ['more'], which are not recorded"]),
        (
            dict(reversed(EXAMPLE.items())),
            [
                "the whole output: recorded the order of keys ['run', 'subtasks', 'notes'], "
                "got ['notes', 'subtasks', 'run']"
            ],
        ),
        (EXAMPLE | {"subtasks": [{"subtask": "subtask1", "f1": 0.5004, "n": 3}]}, []),
        (
            EXAMPLE | {"subtasks": [{"subtask": "subtask1", "f1": 0.501, "n": 3.0}]},
            ["subtasks[0].f1: recorded 0.5, got 0.501", "subtasks[0].n: recorded 3, got 3.0"],
        ),
        (
            EXAMPLE | {"subtasks": [{"subtask": "subtask1", "score": 0.5, "n": 3}]},
            [
                "subtasks[0]: recorded keys ['f1'] are missing",
                "subtasks[0]: got keys ['score'], which are not recorded",
            ],
        ),
        (None, [f"the whole output: recorded {json.dumps(EXAMPLE)}, got null"]),
    ],
)
def test_a_difference_is_reported_with_its_path(got, messages):
    assert sorted(differences(EXAMPLE, got)) == sorted(messages)


def test_digests_and_the_folder_are_masked():
    value = {"a": ["/tmp/x/run.csv", f"sha256 {'0af' * 21}1"], "sha256": "0123456789ab", "id": "8406-0123456789ab"}
    assert mask(value, "/tmp/x") == {
        "a": ["<folder>/run.csv", "sha256 <digest>"],
        "sha256": "<digest>",
        "id": "8406-0123456789ab",
    }


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (("problems", "came"), True),
        (("unreadable", "d3"), True),
        (("fallback", "t4"), True),
        (("pairs", "verdict"), True),
        (("alignment", "verdict"), False),
        (("columns",), False),  # of a task: headings; those of an experiment are described
        (("columns", "dev"), True),
        (("status",), False),
    ],
)
def test_which_strings_are_sentences(keys, sentence):
    assert is_sentence(keys) is sentence


if __name__ == "__main__":
    if sys.argv[1:] != ["--record"]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        record(Path(temporary))
