"""Imports point one way, read from the source; every file and function says what it is for."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What each room may import besides itself; the rooms stand in the order in which imports point upwards.
LEAVES = {
    "mediaeval.batches",
    "mediaeval.devices",
    "mediaeval.errors",
    "mediaeval.files",
    "mediaeval.progress",
    "mediaeval.remembered",
    "mediaeval.seeding",
    "mediaeval.settings",
    "mediaeval.tasks",
    "mediaeval.toml_text",
    "mediaeval.workers",
}
MAY_IMPORT = {
    "submission": set(),
    "mediaeval.batches": set(),
    "mediaeval.workers": {"mediaeval.batches"},
    "mediaeval.errors": {"submission"},
    "mediaeval.files": {"submission"},
    "mediaeval.remembered": {"mediaeval.files"},
    "mediaeval.devices": {"mediaeval.errors", "mediaeval.files", "mediaeval.remembered"},
    "mediaeval.progress": {"submission"},
    "mediaeval.seeding": set(),
    "mediaeval.toml_text": {"submission", "mediaeval.errors"},
    "mediaeval.settings": {"submission", "mediaeval.errors", "mediaeval.toml_text"},
    "mediaeval.tasks": {
        "submission",
        "mediaeval.errors",
        "mediaeval.files",
        "mediaeval.settings",
        "mediaeval.toml_text",
    },
    "mediaeval.formats": {"submission"} | LEAVES,
    "mediaeval.answers": {"submission"} | LEAVES,
    "mediaeval.data": {"submission", "mediaeval.answers"} | LEAVES,
    "mediaeval.sample": {"submission"} | LEAVES,
    "mediaeval.weights": {"submission", "mediaeval.formats"} | LEAVES,
    "mediaeval.features": {"submission", "mediaeval.data", "mediaeval.formats", "mediaeval.weights"} | LEAVES,
    "mediaeval.classifiers": {"submission", "mediaeval.answers", "mediaeval.features"} | LEAVES,
    "mediaeval.calibration": {"submission", "mediaeval.answers", "mediaeval.classifiers"} | LEAVES,
    "mediaeval.training": {"mediaeval.formats"} | LEAVES,
    "mediaeval.pretrain": {
        "submission",
        "mediaeval.formats",
        "mediaeval.weights",
        "mediaeval.features",
        "mediaeval.training",
    }
    | LEAVES,
    "mediaeval.finetune": {
        "submission",
        "mediaeval.data",
        "mediaeval.formats",
        "mediaeval.weights",
        "mediaeval.features",
        "mediaeval.classifiers",
        "mediaeval.training",
    }
    | LEAVES,
    "mediaeval.records": {"submission"},
    "mediaeval.config": {
        "submission",
        "mediaeval.answers",
        "mediaeval.features",
        "mediaeval.classifiers",
        "mediaeval.finetune",
        "mediaeval.records",
    }
    | LEAVES,
    "mediaeval.digests": {"mediaeval.records"} | LEAVES,
    "mediaeval.runs": {"submission", "mediaeval.records", "mediaeval.digests"} | LEAVES,
}
BELOW = set(MAY_IMPORT) - {"mediaeval.pretrain"}  # of what works on runs; other weights are trained apart from them
MAY_IMPORT["mediaeval.steps"] = BELOW
MAY_IMPORT["mediaeval.analysis"] = BELOW | {"mediaeval.steps"}
MAY_IMPORT["mediaeval.search"] = BELOW | {"mediaeval.steps", "mediaeval.analysis"}
MAY_IMPORT["mediaeval.interpret"] = BELOW | {"mediaeval.steps", "mediaeval.analysis"}
MAY_IMPORT["mediaeval.proofs"] = BELOW | {"mediaeval.steps"}
MAY_IMPORT["mediaeval.reports"] = BELOW | {"mediaeval.steps", "mediaeval.analysis", "mediaeval.interpret"}
MAY_IMPORT["mediaeval.experiments"] = BELOW | {"mediaeval.steps", "mediaeval.interpret"}
MAY_IMPORT["mediaeval.settings_reference"] = {
    "mediaeval.config",
    "mediaeval.features",
    "mediaeval.classifiers",
    "mediaeval.finetune",
    "mediaeval.pretrain",
} | LEAVES
MAY_IMPORT["mediaeval.api"] = BELOW | {"mediaeval.steps", "mediaeval.analysis", "mediaeval.proofs"}
MAY_IMPORT["mediaeval.cli"] = set(MAY_IMPORT)
MAY_IMPORT["mediaeval.__main__"] = {"mediaeval.cli"}

FILES = sorted([*(ROOT / "mediaeval").rglob("*.py"), *(ROOT / "submission").rglob("*.py")])


def room(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "submission" or len(parts) == 1 else ".".join(parts[:2])


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    own = room(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    if own == "mediaeval":
        return
    ours = {room(m) for m in imports(path) if m.split(".")[0] in ("mediaeval", "submission")} - {own}
    assert ours <= MAY_IMPORT[own], f"{own} imports {ours - MAY_IMPORT[own]}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_says_what_it_is_for_and_is_in_a_package(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert (path.parent / "__init__.py").is_file(), "packages are found by their __init__.py"


def test_no_pickle_is_loaded_but_tensors():
    """One place loads more, when it is told to: `mediaeval weights convert --trust`."""
    trusting = ROOT / "mediaeval/weights/convert.py"
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        assert "torch.load(" not in source or "weights_only=" in source, path
        assert "weights_only=False" not in source, path
        assert "weights_only=True" in source or "torch.load(" not in source or path == trusting, path
        assert "allow_pickle=True" not in source, path
