"""Files and folders that appear whole or not at all, and what is left where a process was killed."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from mediaeval.files import clear_leftovers, folder_atomically, link_folder, passing_folder, write_atomically


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed(code: str, folder) -> None:
    """Run Python that kills itself."""
    before = "import os, signal\nfrom pathlib import Path\nfrom mediaeval import files\nfolder = Path.cwd()\n"
    stop = "\ndef stop(*a, **k): os.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run([sys.executable, "-c", before + stop + code], cwd=folder, env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL


def test_the_next_write_removes_what_a_kill_left(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    killed("os.fsync = stop\nfiles.write_atomically(folder / 'a', b'new')", tmp_path)
    assert len(names(tmp_path)) == 2 and (tmp_path / "a").read_bytes() == b"old"
    write_atomically(tmp_path / "b", b"other")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("with files.folder_atomically(folder / 'run') as new:\n    (new / 'f').write_text('new'); stop()", "old"),
        # between the two renames: the new folder's rename is that of a name that begins with a dot
        (
            "rename = Path.rename\n"
            "def second(self, target): stop() if self.name.endswith('-new') else rename(self, target)\n"
            "Path.rename = second\n"
            "with files.folder_atomically(folder / 'run') as new:\n    (new / 'f').write_text('new')",
            "old",
        ),
        (
            "import shutil; shutil.rmtree = stop\n"
            "with files.folder_atomically(folder / 'run') as new:\n    (new / 'f').write_text('new')",
            "new",
        ),
    ],
    ids=["while writing", "between two renames", "before the old one is removed"],
)
def test_a_folder_is_the_old_or_the_new_one_after_a_kill(code, expected, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/f").write_text("old")
    killed(code, tmp_path)
    clear_leftovers(tmp_path)
    assert (tmp_path / "run/f").read_text() == expected and names(tmp_path) == ["run"]


def test_an_old_folder_alone_is_never_put_back(tmp_path):
    (tmp_path / ".run.0123abcd.mediaeval-old").mkdir()
    (tmp_path / ".other.training").mkdir()  # a training that can be resumed
    (tmp_path / ".keep.12345678.tmp").write_text("somebody else's")
    (tmp_path / ".run.0123abcd-mediaeval-old").mkdir()  # a name that is only like ours
    clear_leftovers(tmp_path)
    assert names(tmp_path) == [".keep.12345678.tmp", ".other.training", ".run.0123abcd-mediaeval-old"]


def test_what_is_being_written_now_is_not_touched(tmp_path):
    with folder_atomically(tmp_path / "run") as new, passing_folder(tmp_path) as passing:
        (new / "f").write_text("1")
        clear_leftovers(tmp_path)
        code = "import sys; from mediaeval.files import clear_leftovers; clear_leftovers(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
        assert (new / "f").is_file() and passing.is_dir()
    assert names(tmp_path) == ["run"]


def test_an_error_names_the_place_where_the_file_was_to_be(tmp_path):
    with pytest.raises(OSError, match="No space") as raised, folder_atomically(tmp_path / "run") as new:
        raise OSError(errno.ENOSPC, "No space left on device", str(new / "sub/f"))
    assert raised.value.filename == str(tmp_path / "run/sub/f") and names(tmp_path) == []


def test_where_nothing_may_be_written_the_place_is_named_not_the_temporary_name(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", ".a temporary name")

    monkeypatch.setattr("mediaeval.files.os.open", refuse)
    with pytest.raises(PermissionError) as raised:
        write_atomically(tmp_path / "f", b"")
    assert raised.value.filename == str(tmp_path / "f")
    with pytest.raises(PermissionError) as raised, passing_folder(tmp_path):
        pass
    assert raised.value.filename == str(tmp_path)


def test_linked_files_are_replaced_never_changed(tmp_path):
    (tmp_path / "old/sub").mkdir(parents=True)
    (tmp_path / "old/sub/f").write_text("old")
    (tmp_path / "old/left").write_text("out")
    (tmp_path / "old/.f.0123abcd.mediaeval-part").write_text("torn")
    (tmp_path / "new").mkdir()
    link_folder(tmp_path / "old", tmp_path / "new", leave_out={"left"})
    write_atomically(tmp_path / "new/sub/f", b"new")
    assert (tmp_path / "old/sub/f").read_text() == "old" and names(tmp_path / "new") == ["sub"]


def test_symbolic_links_within_a_folder_stay_links(tmp_path):
    """A folder moved to another disk, and linked to, is neither emptied nor copied."""
    for name in ("disk/sub", "old", "new"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "disk/sub/f").write_text("data")
    (tmp_path / "old/sub").symlink_to(tmp_path / "disk/sub")
    (tmp_path / "old/broken").symlink_to("nowhere")
    link_folder(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new/sub").is_symlink() and (tmp_path / "new/sub/f").read_text() == "data"
    assert (tmp_path / "new/broken").is_symlink()


def test_a_linked_folder_is_exchanged_where_it_lies(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/first").symlink_to(tmp_path / "disk/first")
    for text in ("1", "2"):
        with folder_atomically(tmp_path / "runs/first") as new:
            (new / "f").write_text(text)
    assert (tmp_path / "disk/first/f").read_text() == "2" and (tmp_path / "runs/first").is_symlink()
    assert names(tmp_path / "disk") == names(tmp_path / "runs") == ["first"]
