"""Splits: sizes, balance, groups, files."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaeval.data.split import HOW, largest_gap, read_groups, read_split, split, write_split
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
    assert read_groups(f"{tmp_path}/norms.csv:concept", ["c", "b"]) == ["Dog", "Cat"]
    with pytest.raises(DatasetError, match="no column 'theme' \\(found id, concept\\)"):
        read_groups(f"{tmp_path}/norms.csv:theme", ["c"])
    with pytest.raises(DatasetError, match="no row for 1 images"):
        read_groups(f"{tmp_path}/norms.csv:concept", ["z"])
    with pytest.raises(ConfigError, match="expected CSV:COLUMN"):
        read_groups("norms.csv", ["a"])


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
