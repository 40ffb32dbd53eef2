"""Reading a pattern from left to right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submission.patterns.nodes import ANY, LONGEST_COUNT, SLOTS, Choice, Node, PatternError, Repeated, Slot, Star
from submission.wording import nearest, quoted

_COUNT = re.compile(r"\{([0-9]{1,9})(?:,([0-9]{1,9}))?\}")
_IN_LIST = re.compile(r"(.)-(.)|(.)", re.DOTALL)


class Parser:
    """A pattern, and how far it has been read."""

    def __init__(self, text: str):
        self.text = text
        self.at = 0

    def nodes(self) -> Iterator[Node]:
        """Yield what the pattern is made of. Raises PatternError where it is malformed, or matches nothing."""
        before: Node | None = None
        names: set[str] = set()
        while self.at < len(self.text):
            node = self._braces() if self.text[self.at] == "{" else self._one()
            if isinstance(node, Slot):
                if node.name in names:
                    raise self._error(f"got {{{node.name}}} again", "each placeholder once", at=node.position)
                if isinstance(before, Slot):
                    raise self._error(
                        "got two placeholders in a row", "a text between them, such as '_'", at=node.position
                    )
                names.add(node.name)
            if not (isinstance(node, Star) and isinstance(before, Star)):  # two are as good as one
                yield node
            before = node

    def _one(self, in_braces: bool = False) -> Repeated | Star:
        """Read a literal, `?`, `*` or a list with its count."""
        letter, position = self.text[self.at], self.at + 1
        if letter == "[":
            return self._list()
        if letter == "*" and in_braces:
            raise self._error("got '*' within braces", "text, '?' or a list", "Write '*' in front of or behind them.")
        if letter == "{":
            raise self._error("got braces within braces", "text, '?' or a list", "For the character, write [{].")
        if letter == "}":
            raise self._error("got '}' that closes nothing", "braces in pairs", "For the character, write [}].")
        self.at += 1
        if letter == "*":
            return Star(position)
        return Repeated(ANY if letter == "?" else ((ord(letter), ord(letter)),), 1, 1, position)

    def _list(self) -> Repeated:
        start = self.at
        end = self.text.find("]", start)
        inner = self.text[start + 1 : end]
        if end < 0:
            raise self._error("got '[' without ']'", "a list such as [0-9]", "For the character, write [[].")
        if not inner:
            raise self._error("got a list of no characters", "one such as [0-9]", "A ']' itself needs no list.")
        if inner[0] in "!^" and len(inner) > 1:
            raise self._error(
                f"got a list that begins with {inner[0]!r}",
                "the characters that may occur",
                "There is no list of what may not occur; for the character, put it last.",
            )
        ranges = []
        for found in _IN_LIST.finditer(inner):
            first, last = (ord(found[1]), ord(found[2])) if found[1] else (ord(found[3]), ord(found[3]))
            if first > last:
                turned = f"{found[2]}-{found[1]}"
                at = start + 2 + found.start()
                raise self._error(f"got {found[0]!r}, which matches nothing", f"{turned!r}", at=at)
            ranges.append((first, last))
        self.at = end + 1
        low, high = self._count() if self.text[self.at : self.at + 1] == "{" else (1, 1)
        return Repeated(tuple(ranges), low, high, start + 1)

    def _count(self) -> tuple[int, int]:
        found = _COUNT.match(self.text, self.at)
        if not found:
            raise self._error(
                "got braces behind a list that are no count",
                "a count such as {3} or {1,9}",
                "For one of several texts behind a list, give the list a count first: [0-9]{1}{a,b}.",
            )
        low, high = int(found[1]), int(found[2] or found[1])
        if high < low:
            raise self._error(f"got the count {found[0]}, which matches nothing", f"{{{high},{low}}}")
        if not 1 <= high <= LONGEST_COUNT:
            raise self._error(f"got the count {found[0]}", f"1 to {LONGEST_COUNT}")
        self.at = found.end()
        return low, high

    def _braces(self) -> Slot | Choice:
        """Read a placeholder, or one of several."""
        start = self.at
        options: list[tuple[Repeated, ...]] = [()]
        self.at += 1
        while self.text[self.at : self.at + 1] != "}":
            if self.at >= len(self.text):
                self.at = start
                raise self._error("got '{' without '}'", "braces in pairs", "For the character, write [{].")
            if self.text[self.at] == ",":
                self.at += 1
                options.append(())
                continue
            node = self._one(in_braces=True)
            assert isinstance(node, Repeated), "a star within braces passed"
            options[-1] += (node,)
        inner = self.text[start + 1 : self.at]
        self.at, end = start, self.at + 1
        if len(options) == 1 and inner not in SLOTS:
            raise self._error(
                f"got {quoted('{' + inner + '}')}",
                "{team}, {kind}, {run}, or several texts such as {csv,txt}",
                nearest(inner, SLOTS).strip(),
            )
        seen = {tuple((one.ranges, one.low, one.high) for one in option) for option in options}
        if len(seen) < len(options):
            raise self._error(f"got one text twice in {quoted('{' + inner + '}')}", "each once")
        self.at = end
        return Slot(inner, start + 1) if len(options) == 1 else Choice(tuple(options), start + 1)

    def _error(self, got: str, expected: str, remedy: str = "", at: int = 0) -> PatternError:
        position = at or self.at + 1
        sentence = f"pattern {quoted(self.text)}, character {position}: {got}; expected {expected}."
        return PatternError(f"{sentence} {remedy}".rstrip(), position)
