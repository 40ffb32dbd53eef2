"""The documents hold together: lengths, links, anchors."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

HIDDEN = (".", "build")  # beginnings of the folders that programs make, such as .venv and .pytest_cache
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(HIDDEN) for part in path.relative_to(ROOT).parts)
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def problems_of(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    text = page.read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    wrong = []
    for link in _LINK.findall(outside):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            wrong.append(f"{link}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_anchors_exist(page):
    assert problems_of(page) == []


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "b.md").write_text("# B\n\n## One, two `three`\n", encoding="utf-8")
    page = tmp_path / "a.md"
    page.write_text("[a](b.md#one-two-three) [b](#x) [c](c.md) [d](b.md#two) [e](https://x.org/y)\n", encoding="utf-8")
    assert problems_of(page) == ["#x: no such heading", "c.md: no such file", "b.md#two: no such heading"]


def test_the_readme_is_short_and_lists_its_contents():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections
    for section in sections:
        assert f"[{section}](#{section.lower().replace(' ', '-')})" in text


def test_every_guide_is_linked_from_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for guide in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{guide.name})" in text, guide.name
