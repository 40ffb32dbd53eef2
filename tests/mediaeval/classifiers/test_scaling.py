"""BlockScaler: blocks of features to one scale."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.errors import ConfigError, FeaturesError, WeightsError

X = np.array([[3, 4, 0, 2], [0, 0, 5, 1], [6, 8, 1, 1]], dtype=np.float32)
WIDE = np.random.default_rng(5).normal(3, 2, size=(50, 6)).astype(np.float32)


def test_unit_blocks():
    half, r5 = 2**-0.5, 26**-0.5
    scaled = BlockScaler([2, 1, 1], "unit").fit_transform(X)
    np.testing.assert_allclose(scaled, [[0.6, 0.8, 0, 1], [0, 0, 1, 1], [0.6, 0.8, 1, 1]], rtol=1e-6)
    scaled = BlockScaler([2, 2], "unit").fit_transform(X)
    np.testing.assert_allclose(scaled, [[0.6, 0.8, 0, 1], [0, 0, 5 * r5, r5], [0.6, 0.8, half, half]], rtol=1e-6)
    assert scaled.dtype == np.float32


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1e30])
def test_unit_length_whatever_the_size(size):
    scaled = BlockScaler(scale="unit").fit_transform(WIDE * np.float32(size))
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, rtol=1e-5)


def test_standard_is_scikit_learns():
    scaled = BlockScaler([2, 4]).fit(WIDE[:30]).transform(WIDE)
    np.testing.assert_allclose(scaled, StandardScaler().fit(WIDE[:30]).transform(WIDE), atol=1e-5)


def test_a_constant_column_is_zero_for_every_image():
    train = WIDE.copy()
    train[:, 2] = 0.1  # has no exact float: its computed deviation is not exactly 0
    scaler = BlockScaler().fit(train)
    assert (scaler.transform(train)[:, 2] == 0).all()
    assert (scaler.transform(WIDE)[:, 2] == 0).all()


def test_none_leaves_a_copy():
    scaled = BlockScaler(scale="none").fit_transform(WIDE)
    assert (scaled == WIDE).all() and not np.shares_memory(scaled, WIDE)


@pytest.mark.parametrize("scale", ["none", "unit", "standard"])
def test_views_are_scaled_as_vectors_are(scale):
    scaler = BlockScaler([2, 4], scale).fit(WIDE)
    views = np.stack([WIDE, WIDE + 1], axis=1)
    expected = np.stack([scaler.transform(WIDE), scaler.transform(WIDE + 1)], axis=1)
    scaled = scaler.transform_views(views)
    assert scaled.dtype == np.float32 and (scaled == expected).all()


@pytest.mark.parametrize("scale", ["none", "unit", "standard"])
def test_state_gives_back_the_scaler_to_the_bit(scale):
    scaler = BlockScaler([2, 4], scale).fit(WIDE)
    again = BlockScaler([2, 4], scale).load_state(scaler.state())
    assert (again.transform(WIDE) == scaler.transform(WIDE)).all()
    with pytest.raises(FeaturesError, match=r"5 features.* 6 features"):
        again.transform(WIDE[:, :5])


def test_another_state_is_refused():
    scaler = BlockScaler([2, 4]).fit(WIDE)
    with pytest.raises(WeightsError, match=r"\[2, 4\] as widths, this estimator has \[3, 3\]"):
        BlockScaler([3, 3]).load_state(scaler.state())
    with pytest.raises(WeightsError, match="standard as scale, this estimator has unit"):
        BlockScaler([2, 4], "unit").load_state(scaler.state())
    with pytest.raises(WeightsError, match="6 features, this estimator has 5"):
        BlockScaler().fit(WIDE[:, :5]).load_state(BlockScaler().fit(WIDE).state())


def test_widths_must_add_up():
    with pytest.raises(FeaturesError, match=r"2 \+ 3 = 5 features; expected 6"):
        BlockScaler([2, 3]).fit(WIDE)


def test_parameters_that_do_not_fit():
    with pytest.raises(ConfigError) as caught:
        BlockScaler(widths=[0], scale="unity").fit(WIDE)
    assert len(caught.value.problems) == 2 and "scaler.scale: got 'unity'; expected 'none'" in str(caught.value)
