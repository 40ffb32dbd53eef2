"""Build step: the description of the package is README.md, without links that lead nowhere outside the repository.

All else is in pyproject.toml. A relative link becomes an absolute one below `project.urls.Repository`; as long as
pyproject.toml states no such address, the link's text stays, with the name of the file it led to.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
_RELATIVE_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:)([^)\s]+)\)")


def description(readme: str, repository: str | None) -> str:
    """Return the text of README.md with its relative links made absolute, or taken out where there is no address."""

    def absolute(link: re.Match) -> str:
        image, text, target = link.groups()
        if repository:
            return f"{image}[{text}]({repository.rstrip('/')}/blob/main/{'README.md' * target.startswith('#')}{target})"
        file = target.partition("#")[0]
        return text if file in ("", text) else f"{text} ({file})"

    return _RELATIVE_LINK.sub(absolute, readme)


if __name__ == "__main__":
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=description(
            (HERE / "README.md").read_text(encoding="utf-8"), project["urls"].get("Repository")
        ),
        long_description_content_type="text/markdown",
    )
