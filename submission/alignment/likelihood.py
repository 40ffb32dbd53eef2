"""How likely the labels of a row are for an image: the likelihood ratio by which arrangements are compared.

Given the labels y of its row, what an image leads to expect is taken as normal, e ~ N(q B (y − ȳ), T − q² B C Bᵀ): T is
the covariance of e over the test images and C that of the file's labels, B the regression of left-out dev images'
expectations on labels, and q how good a run is, from a random one (0) to one that says all that the images show. A
`stray` share of rows has labels that are unrelated to any image, as an honest but poor run has, so that a few bad
answers decide nothing. Of all labels together, or of one subtask's while the others stay, the log-likelihood ratio

    s(j, i) = log p(e of image j | labels of row i) / p(e of image j)

is a product a[j] · b[i], mixed with the stray share. An arrangement gives each image the labels of one row, so that its
likelihood is a density of all the images' expectations, whatever the labels; a row may be used twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_RIDGE = 3.0  # images' worth of penalty on B: a rare label has few
_LEAST_VARIANCE = 0.01  # of the largest: directions of the expectation with less are rounding and noise
_MOST_EXPLAINED = 0.9  # share of the expectation that labels explain at quality 1; left-out noise explains the rest
_FAR = 3.0  # standard deviations beyond which an expectation counts as that far


@dataclass(frozen=True)
class Quality:
    """How good the labels of a file are: `share` of what the images show, 0..1, and the `stray` share of rows, 0..1."""

    share: float
    stray: float


# A file's own arrangement is rated by the likeliest quality, rivals at a few, each of the same prior probability.
QUALITIES = tuple(Quality(share, stray) for share in (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0) for stray in (0.03, 0.3))
RIVAL_QUALITIES = (Quality(0.25, 0.03), Quality(0.5, 0.03), Quality(0.8, 0.03), Quality(0.8, 0.3))


@dataclass(frozen=True)
class Slopes:
    """How expectations depend on labels: e ≈ B (y − ȳ).

    mean         (n_columns, n_columns): B
    uncertainty  (n_columns, n_columns): covariance of each row of B, over the variance of the noise
    """

    mean: np.ndarray
    uncertainty: np.ndarray


@dataclass(frozen=True)
class Affinity:
    """s(j, i) for every image j and row i, as a product.

    a, b   (n, k) each, float32
    stray  share of rows that are unrelated to any image
    """

    a: np.ndarray
    b: np.ndarray
    stray: float

    def mixed(self, products: np.ndarray) -> np.ndarray:
        """Return s of products a · b; at least log(stray)."""
        import numpy as np

        if not self.stray:
            return products
        # several times as fast as logaddexp; no image is e⁸⁰ times as likely as another
        mixture: np.ndarray = np.log(np.exp(np.minimum(products, 80)) * (1 - self.stray) + self.stray)
        return mixture

    def of(self, images: np.ndarray | slice) -> np.ndarray:
        """Return s(images[i], i), float64 (n,): each row with one image."""
        import numpy as np

        return self.mixed(np.einsum("ij,ij->i", self.a[images], self.b).astype(np.float64))

    @property
    def own(self) -> np.ndarray:
        """s(i, i): the rows as they are."""
        return self.of(slice(None))


class Likelihood:
    """The likelihood of a file's rows, from what the images lead to expect.

    expected, labels  (n_rows, n_columns), row i of both for the id in row i of the file
    slopes            (n_columns, n_columns): B, from `regress`
    """

    def __init__(self, expected: np.ndarray, labels: np.ndarray, slopes: np.ndarray):
        import numpy as np

        self.expected, self.slopes = expected, slopes
        centred = expected - expected.mean(axis=0)
        variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = variances > max(_LEAST_VARIANCE * variances[-1], 1e-12)
        whiten = directions[:, kept] / np.sqrt(variances[kept])
        self.evidence = np.clip(centred @ whiten, -_FAR, _FAR)  # (n, r), of unit variance
        self.effects = whiten.T @ slopes  # (r, n_columns)
        self.labels = labels - labels.mean(axis=0)
        of_labels = self.labels.T @ self.labels / len(labels)
        explained = self.effects @ of_labels @ self.effects.T
        most = float(np.linalg.eigvalsh(explained)[-1]) if len(explained) else 0.0
        scale = np.sqrt(_MOST_EXPLAINED / most) if most > 1e-12 else 0.0
        self.effects, self.explained = self.effects * scale, explained * scale**2

    def at(self, quality: Quality, moved: np.ndarray | None = None) -> Affinity:
        """Return the affinity of rows to images; `moved`: the columns whose labels move, the others staying."""
        effects, w = quality.share * self.effects, self.evidence
        m = self.labels @ effects.T
        if moved is not None:
            w = w - self.labels[:, ~moved] @ effects[:, ~moved].T
            m = self.labels[:, moved] @ effects[:, moved].T
        return _affinity(w, m, self.evidence, quality.share**2 * self.explained, quality.stray)

    def in_batches(self, quality: Quality, size: int) -> float:
        """Return the log-likelihood ratio of labels that belong to images of the same batch of rows, in any order.

        It rests on the sums over batches, which an order inside a batch does not change.
        """
        import numpy as np

        starts = np.arange(0, len(self.labels), size)
        root = np.sqrt(np.diff(starts, append=len(self.labels)))[:, None]
        w = np.add.reduceat(self.evidence, starts) / root
        m = np.add.reduceat(self.labels @ (quality.share * self.effects).T, starts) / root
        return float(_affinity(w, m, w, quality.share**2 * self.explained, 0.0).own.sum())

    def without(self, columns: np.ndarray) -> Likelihood:
        """Return the likelihood if the labels of some columns, boolean (n_columns,), said nothing of the images."""
        return Likelihood(self.expected, self.labels * ~columns, self.slopes)

    def best(self) -> float:
        """Return the log-likelihood ratio of the file as it is, at the likeliest quality; at least 0."""
        return max(0.0, *(float(self.at(quality).own.sum()) for quality in QUALITIES))


def regress(expected: np.ndarray, labels: np.ndarray) -> Slopes:
    """Return B of e ≈ B y, (n_columns, n_columns): ridge regression of dev images' expectations on labels."""
    import numpy as np

    y, e = labels - labels.mean(axis=0), expected - expected.mean(axis=0)
    products = y.T @ y
    variance = np.diag(products) / max(len(y), 1)
    penalty = np.diag(_RIDGE * np.where(variance > 1e-12, variance, 1.0))
    uncertainty = np.linalg.inv(products + penalty)
    return Slopes((uncertainty @ (y.T @ e)).T, uncertainty)


def _affinity(w: np.ndarray, m: np.ndarray, evidence: np.ndarray, explained: np.ndarray, stray: float) -> Affinity:
    """Return log N(w; m, I − explained) / N(evidence; 0, I) as a product over images (w) and rows (m)."""
    import numpy as np

    left = np.eye(len(explained)) - explained
    precision = np.linalg.inv(left)
    of_image = 0.5 * ((evidence**2).sum(axis=1) - np.linalg.slogdet(left)[1] - _squares(w, precision))
    of_row = -0.5 * _squares(m, precision)
    ones = np.ones((len(w), 1))
    a = np.concatenate([w @ precision, of_image[:, None], ones], axis=1)
    b = np.concatenate([m, ones, of_row[:, None]], axis=1)
    return Affinity(a.astype(np.float32), b.astype(np.float32), stray)


def _squares(x: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return x[i]ᵀ precision x[i] for every i."""
    squares: np.ndarray = ((x @ precision) * x).sum(axis=1)
    return squares
