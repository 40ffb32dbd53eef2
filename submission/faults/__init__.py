"""The ways in which run files go wrong, tried on a sound one to see whether the check detects each.

    for fault in faults_of(task):
        spoilt = spoil(fault, data, rng)   # None where the file gives no occasion for it

A fault of form changes how the file is written; a fault of meaning leaves a well-formed file that gives images or
headings the labels of others, which only the images can reveal.

fault.py     what a fault is
labels.py    the faults of class names and flags in the CSV of a dev set, as in Visual Sentiment 2021
sheet.py     the run file of any task as a table of cells: read, written, and whether it is still sound
file.py, json_file.py, columns.py, cells.py, sets.py, ids.py, rows.py   faults of form of any task
meaning.py   faults of meaning of any task
archive.py   faults of the zip archive in which a run is sent
"""

from submission.faults.any_task import faults_of, spoil
from submission.faults.fault import FORM, MEANING, Fault

__all__ = ["FORM", "MEANING", "Fault", "faults_of", "spoil"]
