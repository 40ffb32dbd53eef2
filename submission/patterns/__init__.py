r"""Patterns of file names and cells: `me_*_[0-9]{3}.{csv,txt}`, and no regular expressions.

    abc         itself, letter by letter; `[*]` is a star, `[{]` a brace
    *           any text, also none
    ?           any one character
    [0-9a-f_]   one character of a list
    […]{3}      three of them, and […]{1,9} one to nine: braces directly behind a list are a count
    {csv,txt}   one of these
    {team}      a placeholder, in names of files: {team}, {kind} or {run}

Whatever the pattern and the text, the time to match is linear in the text.
"""

from __future__ import annotations

import re
from functools import cached_property

from submission.patterns.nodes import ANY, LONGEST_PATTERN, SLOTS, Choice, Node, PatternError, Repeated, Slot, Star
from submission.patterns.parse import Parser
from submission.patterns.regex import regex_of
from submission.wording import quoted

__all__ = ["Pattern", "PatternError"]

_LONGEST_NAME = 255  # characters; file systems allow no longer names, and placeholders are in names alone
_PLAIN = "0123456789abcdefghijklmnopqrstuvwxyz"  # of examples, where any character fits


class Pattern:
    """A pattern that has been read: `Pattern.parse("run[0-9]{1,2}.csv").matches("run7.csv")`.

    text    as it was written
    nodes   what it is made of
    regex   the same as a regular expression, anchored at both ends
    """

    def __init__(self, text: str, nodes: tuple[Node, ...]):
        self.text = text
        self.nodes = nodes
        self.regex = regex_of(nodes)

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern. Raises PatternError, with the position, for one that is malformed or matches nothing."""
        if not text:
            raise PatternError("got an empty pattern; expected one that matches something, such as '*'.", 1)
        if len(text) > LONGEST_PATTERN:
            problem = f"got a pattern of {len(text)} characters; expected at most {LONGEST_PATTERN}."
            raise PatternError(problem, LONGEST_PATTERN)
        nodes = tuple(Parser(text).nodes())
        try:
            return cls(text, nodes)
        except PatternError as error:
            raise PatternError(f"pattern {quoted(text)}, {error}", error.position) from None

    def matches(self, text: str) -> dict[str, str] | None:
        """Return placeholder → what stands for it where the whole text fits the pattern, else None.

        >>> Pattern.parse("{team}_{kind}.csv").matches("my_team_open.csv")
        {'team': 'my_team', 'kind': 'open'}
        """
        if self.slots and len(text) > _LONGEST_NAME:
            return None
        found = self._compiled.match(text)
        return found.groupdict() if found else None

    def fill(self, **values: str) -> str:
        """Return the pattern with its placeholders replaced: `fill(team="A", kind="open", run="1")`.

        Raises PatternError for a value that is missing or that no file name should have, and where the pattern leaves
        anything else open, such as `*`.
        """
        parts = []
        for node in self.nodes:
            if isinstance(node, Slot):
                kind, value = SLOTS[node.name], values.get(node.name, "")
                if not re.fullmatch(f"{kind.one}{{1,{kind.most}}}", value):
                    problem = f"{node.name}: got {quoted(value)}; expected 1 to {kind.most} {kind.which}."
                    raise PatternError(problem, node.position)
                parts.append(value)
            elif isinstance(node, Repeated) and node.is_text:
                parts.append(node.text)
            else:
                raise PatternError(
                    f"pattern {quoted(self.text)}: character {node.position} fits several names; expected placeholders "
                    "alone to be open. Give a name that fits.",
                    node.position,
                )
        return "".join(parts)

    def example(self, number: int = 0) -> str:
        """Return a text that fits; another one for each number, as far as there are as many.

        >>> [Pattern.parse("run[1-5].{csv,txt}").example(number) for number in (0, 1, 2)]
        ['run1.csv', 'run1.txt', 'run2.csv']
        """
        texts = []
        for node in reversed(self.nodes):
            if isinstance(node, Slot):
                text = SLOTS[node.name].example
            elif isinstance(node, Choice):
                number, chosen = divmod(number, len(node.options))
                text = "".join(_numbered(one, 0)[0] for one in node.options[chosen])
            else:
                text, number = _numbered(Repeated(ANY, 1, 1, 0) if isinstance(node, Star) else node, number)
            texts.append(text)
        return "".join(reversed(texts))

    @property
    def slots(self) -> tuple[str, ...]:
        """The placeholders that occur."""
        return tuple(node.name for node in self.nodes if isinstance(node, Slot))

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.regex)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _numbered(node: Repeated, number: int) -> tuple[str, int]:
    """Return a text that fits, and what is left of the number, of which each character takes a digit."""
    letters = []
    for _ in range(max(node.low, 1)):
        if node.ranges == ANY:
            number, digit = divmod(number, len(_PLAIN))
            letters.append(_PLAIN[digit])
            continue
        number, digit = divmod(number, sum(last - first + 1 for first, last in node.ranges))
        for first, last in node.ranges:
            if digit <= last - first:
                letters.append(chr(first + digit))
                break
            digit -= last - first + 1
    return "".join(reversed(letters)), number
