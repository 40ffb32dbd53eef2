"""What the features of a run cost: extraction.json, for people alone.

    {"train": {"images": 240, "computed": 480, …}, "predict": {…}}

Seconds differ from one time to the next, so the file is not part of what a run is known by: no digest covers it.
"""

import json
from pathlib import Path
from typing import Literal

from mediaeval.features.bill import Bill
from mediaeval.files import write_atomically

FILE = "extraction.json"


def write_bill(run: Path, work: Literal["train", "predict"], bill: Bill) -> None:
    """Record in a run folder what the features cost that were trained with, or predicted from, the last time."""
    path = run / FILE
    try:
        bills = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # absent, or damaged: nothing depends on it
        bills = {}
    kept = bills if isinstance(bills, dict) else {}
    write_atomically(path, (json.dumps(kept | {work: bill.to_dict()}, indent=2) + "\n").encode())
