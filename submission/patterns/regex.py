r"""A regular expression for a pattern, in whose texts nothing is looked for twice.

A pattern is cut at its `*`. Each part between two of them is best found where it ends first, since `*` takes what
follows: it is matched there, in an atomic group that is never tried again. Within a part, a list with a count takes all
it can where what follows begins with another character; where it does not, the ways to read a text are counted,
and a pattern with too many is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from math import prod

from submission.patterns.nodes import SLOTS, Choice, Node, Part, PatternError, Repeated, Slot, Star

_MOST_WAYS = 64  # of reading one part; real patterns have one
_MOST_PIECES = 1000  # of the expression of one part


def regex_of(nodes: Sequence[Node]) -> str:
    """Return the expression, anchored at both ends, with a named group per placeholder.

    Raises PatternError for a pattern that could be read in too many ways.
    """
    parts: list[list[Part]] = [[]]
    for node in nodes:
        if isinstance(node, Star):
            parts.append([])
        else:
            parts[-1].append(node)
    slots = [node for node in nodes if isinstance(node, Slot)]
    between = [node for part in parts[1:-1] for node in part if isinstance(node, Slot)]
    if len(parts) > 1 and (len(slots) > 1 or between):
        slot = (between or slots[1:])[0]
        raise PatternError(
            f"character {slot.position}: got {{{slot.name}}} in a pattern with '*'; expected one placeholder at most, "
            "in front of the first '*' or behind the last. Write a list such as [a-z]{1,9} in place of '*'.",
            slot.position,
        )
    if len(parts) == 1:
        return rf"\A(?s:{_in_place(parts[0], at_end=True)})\Z"
    first, *middle, last = parts
    found = "".join(f"(?>.*?{_ending_first(needed)})" for part in middle if (needed := _needed(_needed(part, 0), -1)))
    return rf"\A(?s:{_in_place(_needed(first, -1))}{found}.*{_in_place(_needed(last, 0), at_end=True)})\Z"


def _in_place(part: Sequence[Part], at_end: bool = False) -> str:
    """Return the expression of a part whose beginning or end is fixed; `at_end`: nothing follows, rather than `*`."""
    ways, pieces = 1, []
    for place, node in enumerate(part):
        if isinstance(node, Slot):
            kind = SLOTS[node.name]
            pieces.append(f"(?P<{node.name}>{kind.one}{{1,{kind.most}}})")
            continue
        if isinstance(node, Choice):
            ways *= 1 if _at_most_one_fits(node) else len(node.options)
            pieces.append(_choice(node))
        elif node.low == node.high or _disjoint(node, part[place + 1 :], at_end):
            pieces.append(_repeated(node) + "+" * (node.low < node.high))
        else:
            ways *= node.high - node.low + 1
            pieces.append(_repeated(node))
        if ways > _MOST_WAYS:
            raise _too_many_ways(node)
    return "".join(pieces)


def _ending_first(part: Sequence[Part]) -> str:
    """Return the expression that, tried from left to right, finds the part where it ends first."""
    count = prod(len(node.options) if isinstance(node, Choice) else 1 for node in part)
    if count == 1 and all(node.low == node.high for node in part if isinstance(node, Repeated)):
        return "".join(map(_repeated, _plain(part)))  # of one length: where it begins first
    readings = _readings(part)
    shortest = min(length for length, _ in readings)
    longest = max(length for length, _ in readings)
    if shortest == longest:
        return _either(text for _, text in readings)
    if (longest - shortest) * len(readings) > _MOST_PIECES:
        raise _too_many_ways(part[0])
    return _either(
        f"{f'.{{{end - length}}}' * (length < end)}{text}"
        for end in range(shortest, longest + 1)
        for length, text in readings
        if length <= end
    )


def _readings(part: Sequence[Part]) -> list[tuple[int, str]]:
    """Return length and expression of each way to read a part, of which each has one length."""
    ways = 1
    choices: list[list[tuple[Repeated, ...]]] = []
    for node in part:
        options = node.options if isinstance(node, Choice) else [_plain([node])]
        choices.append([fixed for option in options for fixed in _of_one_length(option)])
        ways *= len(choices[-1])
        if ways > _MOST_WAYS:
            raise _too_many_ways(node)
    return [
        (
            sum(one.low for option in reading for one in option),
            "".join(_repeated(one) for option in reading for one in option),
        )
        for reading in product(*choices)
    ]


def _of_one_length(option: Sequence[Repeated]) -> list[tuple[Repeated, ...]]:
    if prod(one.high - one.low + 1 for one in option) > _MOST_WAYS:
        raise _too_many_ways(option[0])
    counts = product(*(range(one.low, one.high + 1) for one in option))
    return [
        tuple(Repeated(one.ranges, n, n, one.position) for one, n in zip(option, chosen, strict=True))
        for chosen in counts
    ]


def _plain(part: Sequence[Part]) -> tuple[Repeated, ...]:
    return tuple(node for node in part if isinstance(node, Repeated))


def _needed(part: list[Part], end: int) -> list[Part]:
    """Return a part without the characters at one end (0 or -1) that may be missing: the `*` beside it takes them."""
    part = list(part)
    while part and isinstance(node := part[end], Repeated):
        if node.low:
            part[end] = Repeated(node.ranges, node.low, node.low, node.position)
            break
        del part[end]
    return part


def _repeated(node: Repeated) -> str:
    if node.low == node.high:
        return node.one if node.low == 1 else f"{node.one}{{{node.low}}}"
    return f"{node.one}{{{node.low},{node.high}}}"


def _choice(node: Choice) -> str:
    return _either("".join(map(_repeated, option)) for option in node.options)


def _either(texts: Iterable[str]) -> str:
    return f"(?:{'|'.join(texts)})"


def _at_most_one_fits(node: Choice) -> bool:
    """Return whether no option is the beginning of another: then one that fits is the only one."""
    texts = ["".join(one.text for one in option) for option in node.options if all(one.is_text for one in option)]
    if len(texts) < len(node.options):
        return False
    texts.sort()  # one that begins another stands directly before such
    return not any(later.startswith(text) for text, later in pairwise(texts))


def _disjoint(node: Repeated, behind: Sequence[Part], at_end: bool) -> bool:
    """Return whether what follows begins with characters that the list does not have, or nothing may follow."""
    for other in behind:
        if isinstance(other, Slot):
            return False
        firsts, may_be_empty = _first(other)
        if any(low <= last and first <= high for first, last in node.ranges for low, high in firsts):
            return False
        if not may_be_empty:
            return True
    return at_end


def _first(node: Repeated | Choice) -> tuple[list[tuple[int, int]], bool]:
    """Return with which characters a text begins that fits, and whether none may fit."""
    if isinstance(node, Repeated):
        return list(node.ranges), node.low == 0
    ranges: list[tuple[int, int]] = []
    empty = False
    for option in node.options:
        for one in option:
            ranges += one.ranges
            if one.low:
                break
        else:
            empty = True
    return ranges, empty


def _too_many_ways(node: Part) -> PatternError:
    return PatternError(
        f"character {node.position}: got a pattern that can be read in more than {_MOST_WAYS} ways; expected one whose "
        "parts are told apart by what stands between them. Put a text such as '_' between them, or use fewer counts.",
        node.position,
    )
