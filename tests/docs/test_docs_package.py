"""The package as it is built: its description leads nowhere but to absolute addresses."""

import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes

import pytest

from tests.docs.blocks import ROOT

_ANY_LINK = re.compile(r"\]\((?![a-z]+://)")


@pytest.mark.integration
def test_the_wheels_description_has_no_relative_link(tmp_path):
    pytest.importorskip("setuptools", "77")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in ("mediaeval", "submission"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    text = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert text.startswith("# mediaeval") and "What it is for" in text
    assert not _ANY_LINK.search(text)


@pytest.mark.parametrize(
    ("link", "with_address", "without"),
    [
        ("[Guide](docs/a.md#b)", "[Guide](https://x.org/r/blob/main/docs/a.md#b)", "Guide (docs/a.md)"),
        ("[LICENSE](LICENSE)", "[LICENSE](https://x.org/r/blob/main/LICENSE)", "LICENSE"),
        ("[Install](#install)", "[Install](https://x.org/r/blob/main/README.md#install)", "Install"),
        ("[x](https://y.org)", "[x](https://y.org)", "[x](https://y.org)"),
    ],
)
def test_relative_links_are_made_absolute_or_taken_out(link, with_address, without):
    description = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["description"]
    assert description(link, "https://x.org/r/") == with_address
    assert description(link, None) == without
