"""What a cell means that its column does not allow, where it can mean one thing alone: ` 1.0` is 1, `TRUE` is 1.

A probability in place of a decision, a number in place of a class name or an empty cell is no answer.
"""

import re

from submission.kinds import NUMBER, ConstantKind, FlagKind, Kind, LabelKind, RankKind, ScoreKind, SetKind, Value
from submission.names import visible

_YES, _NO = ("true", "yes", "t", "y"), ("false", "no", "f", "n")
_WHOLE = re.compile(r"\+?([0-9]{1,9})(?:\.0{0,20})?")  # 1.0, as pandas writes whole numbers beside missing ones
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER = re.compile(NUMBER)


def lenient_value(cell: str, kind: Kind) -> Value | None:
    """Return the value that a cell means, None where it means none, or may mean several.

    >>> lenient_value(" 1.0", FlagKind()), lenient_value("0.73", FlagKind())
    (1, None)
    """
    try:
        return kind.read(cell)
    except ValueError:
        pass
    try:
        return kind.read(_plainer(visible(cell), kind))
    except ValueError:
        return None


def _plainer(cell: str, kind: Kind) -> str:
    """Return how a value is written that is written otherwise in a cell without blanks around it."""
    if isinstance(kind, ConstantKind):
        return _plainer(cell, LabelKind((kind.value,)) if kind.value is not None else kind.kind)
    if isinstance(kind, LabelKind):
        alike = [label for label in kind.labels if label.casefold() == cell.casefold()]
        return alike[0] if len(alike) == 1 else cell
    if isinstance(kind, FlagKind | RankKind):
        if whole := _WHOLE.fullmatch(cell):
            return str(int(whole[1]))
        if isinstance(kind, FlagKind) and cell.lower() in (*_YES, *_NO):
            return "1" if cell.lower() in _YES else "0"
    if isinstance(kind, ScoreKind) and _DECIMAL_COMMA.fullmatch(cell):
        return _with_point(cell)
    if isinstance(kind, SetKind):
        return kind.separator.join(item.strip() for item in cell.split(kind.separator))
    return cell


def _with_point(cell: str) -> str:
    """Return a number with a decimal comma with a point; `1,234` may be a thousand and more, and stays as it is."""
    whole, _, decimals = cell.partition(",")
    is_thousands = len(decimals) == 3 and whole.lstrip("+-").lstrip("0")
    return cell if is_thousands else f"{whole}.{decimals}"
