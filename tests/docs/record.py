"""Write into the documents what the commands print now, and what is generated from the code.

python -m tests.docs.record [--slow] [FILE…]
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.docs.blocks import Outcome, documents, read_blocks, recorded, run_documents
from tests.docs.generated import filled


def record(paths: Sequence[Path], *, slow: bool) -> None:
    """Run all documents, and write what their commands print into those of `paths`; failures are printed."""
    for path in paths:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_documents(documents(), Path(folder), slow=slow)
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for block in reversed(read_blocks(path)):
            here = [outcome for outcome in outcomes if outcome.block == block]
            if here:
                text = text[: block.start] + "".join(_as_text(outcome) for outcome in here) + text[block.end :]
        path.write_text(text, encoding="utf-8")
    for outcome in outcomes:
        if outcome.problem:
            print(f"{outcome.where}: $ {outcome.step.command}\n  {outcome.problem}", *outcome.printed[-5:], sep="\n  ")


def _as_text(outcome: Outcome) -> str:
    lines = recorded(outcome.step.shown, outcome.printed)
    while lines and not lines[-1].strip():
        lines.pop()
    if outcome.step.command:
        lines.insert(0, f"$ {outcome.step.command}")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.docs.record")
    parser.add_argument("--slow", action="store_true", help="run the slow blocks too")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="documents to write; all without")
    arguments = parser.parse_args()
    record([file.resolve() for file in arguments.files] or documents(), slow=arguments.slow)
