"""Rules across the columns of a row: a sum, and a label that follows from a probability and a threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from submission.wording import both

_ROUNDING = 1e-9  # of sums of decimal numbers


@dataclass(frozen=True)
class SumRule:
    """The columns of each row sum up to `total`, up to `tolerance` more or less."""

    columns: tuple[str, ...]
    total: float
    tolerance: float = 0.0

    @property
    def expected(self) -> str:
        """The rule in words."""
        within = f", within {self.tolerance:g}" if self.tolerance else ""
        return f"{both([repr(heading) for heading in self.columns])} to sum up to {self.total:g}{within}"

    def problem(self, row: Mapping[str, object]) -> str | None:
        """Return what a row has instead, None if it obeys; `row`: heading → value."""
        found = math.fsum(float(str(row[heading])) for heading in self.columns)
        if abs(found - self.total) <= self.tolerance + _ROUNDING * max(1.0, abs(self.total)):
            return None
        return f"{found:.10g}"


@dataclass(frozen=True)
class ThresholdRule:
    """The label is `positive` where the probability is at least the threshold, and not where it is below.

    label, probability, threshold  headings
    positive                       value of the label that says yes: 1 of a flag, else a class name
    """

    label: str
    probability: str
    threshold: str
    positive: str | int = 1

    @property
    def expected(self) -> str:
        """The rule in words."""
        return f"{self.label!r} to be {self.positive} where {self.probability!r} >= {self.threshold!r}, and only there"

    def problem(self, row: Mapping[str, object]) -> str | None:
        """Return what a row has instead, None if it obeys; `row`: heading → value."""
        probability, threshold = row[self.probability], row[self.threshold]
        assert isinstance(probability, float)
        assert isinstance(threshold, float)
        if (row[self.label] == self.positive) == (probability >= threshold):
            return None
        return f"{row[self.label]} at {probability:.10g} with the threshold {threshold:.10g}"


Rule = SumRule | ThresholdRule
