"""Metrics by definition: what each one computes, what it is called, and what its values are worth.

definition.py   `Metric`: one definition, with the signature that tells it from every other one of the same name
reading.py      tables of a task file → metrics, or everything that is wrong with them; table.py: one table
evaluation.py   `evaluate(metric, truth, answers)`, and `prepare`, which gives a `Sample` that can be resampled
decisions.py    F1 and accuracy of 0 and 1; sets.py: of sets of items; curves.py: AUC, AP and EER; values.py: errors
                and correlations; rankings.py: ranked lists
resampling.py   95 % intervals, and whether two runs differ

Only numpy is needed, and only where something is computed.
"""

from submission.metrics.definition import Metric

__all__ = ["Metric"]
