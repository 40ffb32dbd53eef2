"""Splits: sizes, balance, groups, files."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaeval.data.split import HOW, find_groups, largest_gap, read_groups, read_split, split, write_split
from mediaeval.errors import ConfigError, DatasetError


def table(n: int, rates: list[float], seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {f"l{k}": (rng.random(n) < rate).astype("int8") for k, rate in enumerate(rates)}
    return pd.DataFrame(columns, index=pd.Index([f"i{k}" for k in range(n)], name="id"))


RATES = [0.55, 0.2, 0.25, 0.3, 0.4, 0.45, 0.1, 0.1, 0.15, 0.2, 0.1, 0.3, 0.01, 0.2, 0.4, 0.2, 0.3, 0.25, 0.4, 0.15]


def test_stratified_brings_the_sides_within_a_hundredth_at_real_size():
    labels = table(2432, RATES)
    sides = split(labels, rng=np.random.default_rng(0))
    assert (sides == "val").sum() == round(0.2 * 2432)
    assert largest_gap(labels, sides) <= 0.01
    plain = split(labels, how="random", rng=np.random.default_rng(0))
    assert largest_gap(labels, sides) < largest_gap(labels, plain)


@pytest.mark.parametrize("how", HOW)
def test_equal_seeds_give_equal_splits_and_row_order_is_kept(how):
    labels = table(200, RATES[:5])
    first, again = (split(labels, how=how, rng=np.random.default_rng(3)) for _ in range(2))
    other = split(labels, how=how, rng=np.random.default_rng(4))
    assert list(first.index) == list(labels.index)
    assert (first == again).all() and (first != other).any()


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.integers(0, 12), min_size=20, max_size=60),
    how=st.sampled_from(HOW),
    seed=st.integers(0, 5),
)
def test_a_group_never_stands_on_both_sides(groups, how, seed):
    if len(set(groups)) < 2:
        groups = [0, *[1] * (len(groups) - 1)]
    labels = table(len(groups), [0.5, 0.2])
    try:
        sides = split(labels, how=how, groups=groups, rng=np.random.default_rng(seed))
    except ConfigError as error:
        assert "one side stays empty" in str(error)
        return
    per_group = pd.DataFrame({"group": groups, "side": sides.to_numpy()}).groupby("group")["side"].nunique()
    assert (per_group == 1).all()
    assert set(sides) == {"train", "val"}


@pytest.mark.parametrize(
    ("val", "message"), [(0, "between 0 and 1"), (1.5, "between 0 and 1"), (0.0001, "stays empty")]
)
def test_a_share_that_leaves_a_side_empty_is_refused(val, message):
    if val == 0.0001:
        labels = table(1, [1.0])
    else:
        labels = table(50, [0.5])
    with pytest.raises(ConfigError, match=message):
        split(labels, val=val, rng=np.random.default_rng(0))


def test_a_split_is_written_and_read_by_id(tmp_path):
    sides = pd.Series(["train", "val", "train"], index=["NA", "1e5", "b"])
    write_split(tmp_path / "split.csv", sides)
    assert (tmp_path / "split.csv").read_text() == "id,side\nNA,train\n1e5,val\nb,train\n"
    read = read_split(tmp_path / "split.csv", ["b", "NA", "1e5"])
    assert read.to_dict() == {"b": "train", "NA": "train", "1e5": "val"}
    assert list(read.index) == ["b", "NA", "1e5"]


def test_a_split_of_other_images_names_every_problem(tmp_path):
    (tmp_path / "split.csv").write_text("id,side\na,train\nb,test\nx,val\n")
    with pytest.raises(DatasetError) as caught:
        read_split(tmp_path / "split.csv", ["a", "b", "c"])
    text = str(caught.value)
    assert "b: got side 'test'; expected train or val" in text
    assert "x is not in the dataset" in text
    assert "c has no side" in text


def test_groups_come_from_a_column_by_id(tmp_path):
    (tmp_path / "norms.csv").write_text("id,concept\na,Dog\nb,Cat\nc,Dog\n")
    assert read_groups(f"{tmp_path}/norms.csv:concept").of(["c", "b"]) == ["Dog", "Cat"]
    with pytest.raises(DatasetError, match="no column 'theme' \\(found id, concept\\)"):
        read_groups(f"{tmp_path}/norms.csv:theme")
    with pytest.raises(DatasetError, match="no row for 1 images"):
        read_groups(f"{tmp_path}/norms.csv:concept").of(["z"])
    with pytest.raises(ConfigError, match="expected CSV:COLUMN"):
        read_groups("norms.csv")


def test_uneven_groups_are_filled_up_to_the_share_wanted():
    groups = [f"g{k}" for k in range(12) for _ in range(1 + 3 * (k % 4))]  # of 1, 4, 7 and 10 images
    labels = pd.DataFrame({"a": [k % 2 for k in range(len(groups))]}, index=[f"i{k}" for k in range(len(groups))])
    for seed in range(20):
        sides = split(labels, val=0.2, how="random", groups=groups, rng=np.random.default_rng(seed))
        assert abs((sides == "val").mean() - 0.2) < 0.05


def test_the_command_keeps_what_the_file_says_of_the_split(make_devset, workdir, run):
    make_devset(20)
    (workdir / "mediaeval.toml").write_text('[data]\ndev = "../devset"\n[split]\nval = 0.4\ngroups = "it\'s.csv:g"\n')
    (workdir / "it's.csv").write_text("id,g\n" + "".join(f"d{k},{k // 2}\n" for k in range(20)))
    run("split", "../devset", "--out", "split.csv", "--seed", "3")
    sides = pd.read_csv("split.csv", index_col="id")["side"]
    assert (sides == "val").sum() == 8
    assert all(sides[f"d{k}"] == sides[f"d{k + 1}"] for k in range(0, 20, 2))
    run("split", "../devset", "--out", "other.csv", "--val", "0.2", "--groups", "it's.csv:g")
    assert (pd.read_csv("other.csv")["side"] == "val").sum() == 4


@pytest.mark.parametrize(
    "content",
    [
        "filename,concept\na.jpg,Dog\nb.JPG,Cat\n",
        "id, concept\na , Dog\n b,Cat\n",
        "\ufeffID;concept\n".replace(";", ",") + '"a","Dog"\r\n"b","Cat"\r\n',
        ",id,concept,\n0,a,Dog,\n1,b,Cat,\n",
    ],
)
def test_groups_are_read_by_the_rules_of_the_dev_set(tmp_path, content):
    (tmp_path / "norms.csv").write_text(content)
    assert read_groups(f"{tmp_path}/norms.csv:concept").of(["b", "a"]) == ["Cat", "Dog"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "id,concept\na,Dog,\nb,Cat,\n",
            r"norms.csv:2: got a comma behind the last cell, as in 1 other line;",
        ),
        ("id;concept\na;Dog\n", r"norms.csv:1: .* The cells seem to be separated by ';'"),
        ("sep=,\nid,concept\na,Dog\n", r"norms.csv:1: got 'sep=,', a line for Excel"),
        ("id,concept\na,Dog\na.jpg,Cat\n", r"norms.csv:3: got the id 'a' again \(first on line 2\)"),
        ("id,concept,concept\na,Dog,Cat\n", r"norms.csv: got 2 columns 'concept'; expected one"),
        ("\x1f\x8b\x08", r"norms.csv: got a gzip archive; expected a CSV"),
    ],
)
def test_a_groups_file_that_cannot_be_read_is_reported_with_its_line(tmp_path, content, message):
    (tmp_path / "norms.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match=message) as caught:
        read_groups(f"{tmp_path}/norms.csv:concept")
    assert len(caught.value.problems) == 1


def test_a_blank_group_is_none_and_their_number_is_a_warning(tmp_path, caplog):
    (tmp_path / "norms.csv").write_text("id,concept\na,\nb,Cat\nc, \nd,Cat\ne,NA\nf,NA\n")
    assert read_groups(f"{tmp_path}/norms.csv:concept").of(list("abcdef")) == [None, "Cat", None, "Cat", "NA", "NA"]
    assert "2 of 6 images have a blank in column 'concept' (a, c): each of them is split by itself" in caplog.text
    assert "2 images have 'NA' in column 'concept': they are one group" in caplog.text


def test_ids_and_groups_match_in_either_unicode_form(tmp_path):
    (tmp_path / "norms.csv").write_text("id,place\nU\u0308_1,Ko\u0308ln\n\u00dc_2,K\u00f6ln\n")
    assert len(set(read_groups(f"{tmp_path}/norms.csv:place").of(["\u00dc_1", "U\u0308_2"]))) == 1
    (tmp_path / "split.csv").write_text("id,side\nU\u0308_1,train\n\u00dc_2,val\n")
    assert read_split(tmp_path / "split.csv", ["\u00dc_1", "U\u0308_2"]).to_dict() == {
        "\u00dc_1": "train",
        "U\u0308_2": "val",
    }
    (tmp_path / "split.csv").write_text("id,side\nU\u0308,train\n\u00dc,val\n")
    with pytest.raises(DatasetError, match=r"in two Unicode forms, 'U\\u0308' on line 2 and '\\xdc' here"):
        read_split(tmp_path / "split.csv", ["\u00dc"])
    for column in ("gr\u00fc", "gru\u0308"):
        (tmp_path / "norms.csv").write_text("id,gru\u0308\u200b\na,x\n", encoding="utf-8")
        assert read_groups(f"{tmp_path}/norms.csv:{column}").of(["a"]) == ["x"]


def test_a_groups_file_is_looked_for_beside_the_settings_and_in_the_dev_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dev = tmp_path / "dev"
    dev.mkdir()
    with pytest.raises(DatasetError, match=f"^norms.csv: no such file, and no {dev}/norms.csv either"):
        find_groups("norms.csv:concept", dev)
    (dev / "norms.csv").write_text("id,concept\na,Dog\n")
    assert find_groups("norms.csv:concept", dev) == f"{dev}/norms.csv:concept"
    assert find_groups("settings/norms.csv:concept", dev, "norms.csv:concept") == f"{dev}/norms.csv:concept"
    (tmp_path / "norms.csv").write_text("id,concept\na,Dog\n")
    assert find_groups("norms.csv:concept", dev, "norms.csv:concept") == "norms.csv:concept"
    (tmp_path / "norms.csv").write_text("id,concept\na,Cat\n")
    with pytest.raises(DatasetError, match=f"got two files, norms.csv and {dev}/norms.csv, that differ"):
        find_groups("norms.csv:concept", dev, "norms.csv:concept")


def test_the_groups_of_the_settings_may_be_in_the_dev_folder_and_are_looked_for_first(make_devset, workdir, run):
    devset = make_devset(20)
    settings = workdir / "settings"
    settings.mkdir()
    (settings / "mediaeval.toml").write_text('[data]\ndev = "../../devset"\n[split]\ngroups = "g.csv:g"\n')
    result = run("split", devset, "--out", "split.csv", "--config", "settings/mediaeval.toml", code=1)
    assert "settings/g.csv: no such file, and no" in result.stderr
    assert not (workdir / ".mediaeval").exists() and not (settings / ".mediaeval").exists()  # nothing was computed
    (devset / "g.csv").write_text("filename,g\n" + "".join(f"d{k}.jpg,{k // 2}\n" for k in range(20)))
    run("split", devset / "devset.csv", "--out", "split.csv", "--config", "settings/mediaeval.toml")
    sides = pd.read_csv("split.csv", index_col="id")["side"]
    assert all(sides[f"d{k}"] == sides[f"d{k + 1}"] for k in range(0, 20, 2))


@pytest.mark.integration
def test_a_run_records_where_its_groups_were_found_and_takes_another_subtask(make_devset, workdir, run):
    devset = make_devset(40)
    (devset / "g.csv").write_text("id,g\n" + "".join(f"d{k},{k // 2}\n" for k in range(40)))
    (workdir / "mediaeval.toml").write_text('[data]\ndev = "../devset"\n[split]\ngroups = "g.csv:g"\n')
    run("train", "subtask1", "--run", "first", "--set", "classifier=dummy")
    assert 'groups = "../devset/g.csv:g"' in (workdir / "runs/first/run.toml").read_text()
    run("train", "subtask2", "--run", "first", "--set", "classifier=dummy")
