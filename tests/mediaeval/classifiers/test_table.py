"""What every classifier of the table must do, and how one is built."""

import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from mediaeval.classifiers import CLASSIFIERS, classifier_settings, make_classifier, settings_model
from mediaeval.classifiers.scaling import BlockScaler
from mediaeval.errors import ConfigError, FeaturesError, WeightsError

pytestmark = pytest.mark.integration

# so that a fit takes a tenth of a second
QUICK = {
    "moe": {"hidden": 16, "dropout": 0.1, "lr": 0.05, "epochs": 8, "batch_size": 32},
    "dense": {"hidden": [16], "dropout": 0.1, "lr": 0.05, "epochs": 8, "batch_size": 32},
    "small": {"hidden": [16], "dropout": 0.1, "lr": 0.05, "epochs": 8, "batch_size": 32},
    "auto": {"epochs": 1, "weights": "equal"},
}
LEARNERS = [name for name in CLASSIFIERS if name != "dummy"]
KINDS = ["single", "multi"]


def quick(name, **params):
    return make_classifier(name, QUICK.get(name, {}) | params, random_state=0)


def data(kind, n=90, n_features=5):
    """Separable: three class names by the largest of three features, or which of them are positive."""
    X = np.random.default_rng(1).normal(size=(n, n_features)).astype(np.float32)
    if kind == "single":
        return X, np.array(["flood", "fire", "Äther"])[X[:, :3].argmax(axis=1)]
    return X, (X[:, :3] > 0).astype(int)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks of 16 units: a second thread only waits
    yield
    torch.set_num_threads(threads)


@parametrize_with_checks(
    [
        *(quick(name) for name in CLASSIFIERS if name != "auto"),
        *(BlockScaler(scale=scale) for scale in ("none", "unit", "standard")),
    ]
)
def test_estimator_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([quick("auto")])  # three classifiers each time
def test_an_average_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


def test_the_table_and_all_settings_are_light():
    code = (
        "import sys, mediaeval.classifiers as c; [c.settings_model(name) for name in c.CLASSIFIERS];"
        "print([m for m in ('torch', 'sklearn', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_estimator_has_the_parameters_and_defaults_of_its_settings(name):
    settings = classifier_settings({"name": name})  # the defaults pass their own checks
    estimator = type(make_classifier(name, {}, random_state=0))
    parameters = {key: parameter.default for key, parameter in inspect.signature(estimator).parameters.items()}
    assert estimator.settings is settings_model(name) is type(settings)
    of_the_data = {key: parameters.pop(key) for key in ("widths", "order", "scale") if key in parameters}
    assert set(of_the_data.values()) <= {None, "standard"}
    assert parameters == settings.model_dump() | {"random_state": 0}
    assert CLASSIFIERS[name].summary and CLASSIFIERS[name].source


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_setting_says_what_it_means(name):
    fields = settings_model(name).model_fields
    assert [key for key, field in fields.items() if not (field.description or "").endswith(".")] == []


def test_unknown_classifier_gets_the_nearest_name():
    with pytest.raises(ConfigError, match=r"unknown classifier 'dens'\. Did you mean 'dense'"):
        make_classifier("dens", {}, random_state=0)


def test_everything_wrong_is_told_at_once():
    params = {"drpout": 0.1, "lr": -1, "epochs": 2.5, "batch_size": True, "hidden": [100, 0], "schedule": "steps"}
    with pytest.raises(ConfigError) as caught:
        make_classifier("dense", params, random_state=0)
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 6
    assert "unknown setting 'classifier.drpout'. Did you mean 'dropout'? Known: dropout, lr, " in text
    assert "mediaeval ls settings dense" in text
    assert "classifier.lr: got -1; expected a number above 0." in text
    assert "classifier.epochs: got 2.5; expected a whole number of at least 1." in text
    assert "classifier.batch_size: got True; expected a whole number of at least 1." in text
    assert "classifier.hidden: got [100, 0]; expected a list of whole numbers of at least 1." in text
    assert "classifier.schedule: got 'steps'; expected 'step', 'cosine' or 'constant'." in text


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("moe", {"dropout": 1.0}, "classifier.dropout: got 1.0; expected a number of at least 0 and below 1."),
        ("moe", {"lr": float("nan")}, "classifier.lr: got nan; expected a number above 0."),
        ("moe", {"lr_step": 0}, "classifier.lr_step: got 0; expected a whole number of at least 1."),
        ("moe", {"loss": "mse"}, "classifier.loss: got 'mse'; expected 'bce' or 'nll'."),
        ("moe", {"random_state": 1}, "unknown setting 'classifier.random_state'."),
        ("logistic", {"C": "best"}, "classifier.C: got 'best'; expected a number above 0, or 'cv' or 'scale'."),
        ("dummy", {"lr": 1}, "unknown setting 'classifier.lr'. Known: none."),
    ],
)
def test_values_that_do_not_fit(name, params, said):
    with pytest.raises(ConfigError) as caught:
        make_classifier(name, params, random_state=0)
    assert said in str(caught.value)


def test_a_value_set_later_is_checked_in_fit():
    with pytest.raises(ConfigError, match=r"classifier\.epochs: got 0"):
        quick("moe").set_params(epochs=0).fit(*data("single"))
    with pytest.raises(ConfigError, match=r"classifier\.random_state: got -1"):
        quick("dummy").set_params(random_state=-1).fit(*data("single"))
    quick("small").set_params(epochs=np.int64(1), lr=np.float32(0.01)).fit(*data("single"))  # as a grid search does


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LEARNERS)
def test_learns_a_separable_problem(name, kind):
    X, y = data(kind, n=300)
    params = {"epochs": 40} if "hidden" in QUICK.get(name, {}) else {}
    assert (quick(name, **params).fit(X[:200], y[:200]).predict(X[200:]) == y[200:]).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_have_one_form(name, kind):
    X, y = data(kind)
    classifier = quick(name).fit(X, y)
    P = classifier.predict_proba(X)
    assert P.shape == (90, 3) and P.dtype == np.float64 and (P >= 0).all() and (P <= 1).all()
    if kind == "single":
        assert list(classifier.classes_) == ["fire", "flood", "Äther"]
        np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-12)
        assert (classifier.predict(X) == classifier.classes_[P.argmax(axis=1)]).all()
    else:
        assert (classifier.predict(X) == (P >= 0.5)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_an_image_is_predicted_the_same_in_any_company(name, kind):
    X, y = data(kind, n_features=300)
    classifier = quick(name).fit(X, y)
    P, order = classifier.predict_proba(X), np.random.default_rng(0).permutation(90)
    for rows in (order, [7], range(64), range(65)):
        # to the bit where this was written; a last-bit difference on another processor would change no decision
        np.testing.assert_allclose(classifier.predict_proba(X[rows]), P[rows], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(classifier.predict(X[rows]), classifier.predict(X)[rows])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_state_gives_back_the_classifier_to_the_bit(name, kind):
    X, y = data(kind)
    for params in ({}, {"ensemble": 2}) if name in QUICK else ({},):
        fitted = quick(name, **params).fit(X, y)
        state = fitted.state()
        assert all(type(array) is np.ndarray and array.dtype != object for array in state.values())
        again = clone(fitted).load_state(state)
        assert (again.predict_proba(X) == fitted.predict_proba(X)).all()
        assert (again.predict(X) == fitted.predict(X)).all() and again.classes_.dtype == fitted.classes_.dtype
        assert again.state().keys() == state.keys()
        assert all((again.state()[key] == state[key]).all() for key in state)
        assert (pickle.loads(pickle.dumps(again)).predict(X) == fitted.predict(X)).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_state_is_a_copy(name):
    X, y = data("single")
    classifier = quick(name).fit(X, y)
    before = classifier.predict_proba(X)
    for array in classifier.state().values():
        array[...] = 0
    assert (classifier.predict_proba(X) == before).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_state_of_another_width_kind_or_class_is_refused(name):
    X, y = data("single")
    fitted = quick(name).fit(X, y)
    state = fitted.state()
    with pytest.raises(WeightsError, match="the state has 4 features, this estimator has 5"):
        fitted.load_state(quick(name).fit(X[:, :4], y).state())
    with pytest.raises(WeightsError, match=r"\['fire', 'flood'\] as its classes, .* \['fire', 'flood', 'Äther'\]"):
        fitted.load_state(quick(name).fit(X[y != "Äther"], y[y != "Äther"]).state())
    other = "dummy" if name != "dummy" else "logistic"
    with pytest.raises(WeightsError, match=f"got the state of a {type(fitted).__name__}; expected that of a"):
        quick(other).load_state(state)
    with pytest.raises(WeightsError, match="'header' is absent"):
        quick(name).load_state({key: array for key, array in state.items() if key != "header"})
    first = next(key for key in state if key != "header")
    with pytest.raises(WeightsError, match=f"no array '{first}'"):
        quick(name).load_state({key: array for key, array in state.items() if key != first})
    with pytest.raises(WeightsError, match=f"'{first}' of the state: got .* float16; expected"):
        quick(name).load_state(state | {first: state[first].astype(np.float16)})
    with pytest.raises(WeightsError, match="unknown array 'more'"):
        quick(name).load_state(state | {"more": np.zeros(1)})


def test_state_of_another_network_names_both_sizes():
    X, y = data("single")
    with pytest.raises(
        WeightsError, match=r"'network0.hidden.weight' of the state: got 16 × 5 float32; expected 8 × 5"
    ):
        quick("moe", hidden=8).load_state(quick("moe").fit(X, y).state())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_features_that_cannot_be_used_are_named(name):
    X, y = data("single")
    spoilt = X.copy()
    spoilt[[3, 9], 1] = np.nan, np.inf
    with pytest.raises(FeaturesError, match="NaN or infinity in 2 of 90 rows, the first in row 3"):
        quick(name).fit(spoilt, y)
    classifier = quick(name).fit(X, y)
    with pytest.raises(FeaturesError, match="NaN or infinity in 2 of 90 rows"):
        classifier.predict(spoilt)
    with pytest.raises(FeaturesError, match=r"4 features.* 5 features"):
        classifier.predict(X[:, :4])
    with pytest.raises(FeaturesError, match=r"views: got shape \(90, 2, 4\); expected \(90, n_views, 5\)"):
        quick(name).fit(X, y, views=np.zeros((90, 2, 4), np.float32))
    with pytest.raises(FeaturesError, match="views: NaN or infinity in 2 of 90 rows"):
        quick(name).fit(X, y, views=spoilt[:, None])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_seed_gives_the_same_classifier_and_no_generator_is_disturbed(name, kind):
    X, y = data(kind)
    views = X[:, None] + np.float32(0.1)
    torch.manual_seed(5)
    np.random.seed(5)
    fresh = torch.rand(1), np.random.rand()
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        np.random.seed(5)
        states.append(quick(name).fit(X, y, views=views, validation=(X, y)).state())
        quick(name).load_state(states[-1]).predict(X)
        assert (torch.rand(1), np.random.rand()) == fresh
    assert all((states[0][key] == states[1][key]).all() for key in states[0])
