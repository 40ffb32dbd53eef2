"""The benchmark of a GPU, in the tiny form that it has without one."""

import sys
from types import SimpleNamespace

import pytest

from benchmarks import commands, gpu, gpu_extract

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def cells(row):
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_features_are_compared_with_the_network_alone_and_with_a_loop(monkeypatch):
    monkeypatch.setattr(gpu_extract, "AGREEMENT", 4)
    head, _, alone, loop, together = (cells(row) for row in gpu_extract.rows(quick=True, n_images=8))
    assert {len(row) for row in (head, alone, loop, together)} == {7}
    ours, theirs, ratio = (float(alone[k].replace(",", "")) for k in (2, 4, 5))
    assert ratio == pytest.approx(ours / theirs, abs=0.05)
    assert alone[6] == "cosine 1.00000 least, 1.00000 mean; the same bytes twice"
    assert "DataLoader" in loop[3]
    assert together[0].endswith("at once")


def test_commands_are_compared_with_the_imports_that_they_need():
    _head, _, *rows = (cells(row) for row in commands.rows(quick=True, n_images=60))
    assert [row[0].split(",")[0] for row in rows] == ["features", "predict", "submit --replay 3"]
    for row in rows:
        ours, imports, ratio = map(float, row[1:4])
        assert ratio == pytest.approx(ours / imports, abs=0.02)


def test_a_part_that_fails_says_why_and_the_others_run(monkeypatch, capsys):
    def fails(quick):
        yield f"| begun, quick {quick} |"
        raise RuntimeError("CUDA error: out of luck")

    def runs(quick):
        yield f"| ran, quick {quick} |"

    modules = {"fails": SimpleNamespace(rows=fails), "runs": SimpleNamespace(rows=runs)}
    monkeypatch.setattr(gpu, "PARTS", {"First": "fails", "Second": "runs"})
    monkeypatch.setattr(gpu, "import_module", modules.get)
    monkeypatch.setattr(sys, "argv", ["gpu", "--quick"])
    assert gpu.main() == 1
    printed = capsys.readouterr().out
    assert "not measured: RuntimeError: CUDA error: out of luck" in printed
    assert "| ran, quick True |" in printed
