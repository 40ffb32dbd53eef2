"""How likely a file's labels are under other headings: the likelihood ratio by which orders of columns are compared.

Given the labels y of its row, what an image leads to expect is taken as normal with mean W (y − ȳ). A sound file's W is
near q B, where B is the regression of left-out dev images' expectations on labels and q how much of it the labels say;
if its columns are in another order, W is near the columns of q B in that order. How near has a prior of its own, since
a poor but honest model mixes up labels as well: W strays the further the fewer images B rests on, and by a `spread`
besides. If all columns of a file stray from B, the spread is large, and no order is much likelier than another; if all
but two are near it, and these two where they are exchanged, the file as it is would be a rare exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from submission.alignment.likelihood import Slopes

if TYPE_CHECKING:
    import numpy as np

# Each value of q is as probable as another, and so is each spread. All constants were chosen on other splits than those
# of docs/benchmarks.md: 30 of COCO (60 rows), 100 of OASIS (240) and 40 drawn ones (1,199).
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.35, 1.7)  # q: answers of models may say more of the images than the truth
_SPREADS = (0.05, 0.1, 0.2)  # of W, in correlation of a column with what the images show
_UNCERTAIN = 2.0  # times the variance that B has by its number of images: left-out images are no test images
# Noise is this share of the covariance of the expectation, plus a tenth of its largest variance in every direction:
# where expectations hardly vary, those of left-out images say nothing of those of test images.
_NOISE = 0.3
_LEAST_NOISE = 0.1
_FAR = 3.0  # standard deviations beyond which an expectation counts as that far


class Headings:
    """The likelihood of a file's labels under headings in any order.

    expected, labels  (n_rows, n_columns), row i of both for the id in row i of the file
    slopes            B, from `regress`
    """

    def __init__(self, expected: np.ndarray, labels: np.ndarray, slopes: Slopes):
        import numpy as np

        centred, y = expected - expected.mean(axis=0), labels - labels.mean(axis=0)
        variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        noise = np.maximum(variances, 0) + max(_LEAST_NOISE * variances[-1], 1e-12)
        scaled = directions / np.sqrt(noise)
        evidence = np.clip(centred @ scaled, -_FAR, _FAR) / np.sqrt(_NOISE)
        self.sd = y.std(axis=0)
        z = np.divide(y, self.sd, out=np.zeros_like(y), where=self.sd > 1e-9)
        self.effects = slopes.mean.T @ scaled / np.sqrt(_NOISE)  # (n_columns, n_directions), of a label as 0 and 1
        self.uncertainty = _UNCERTAIN * slopes.uncertainty
        self.between = z.T @ evidence
        self.among = z.T @ z

    def log_likelihood(self, order: np.ndarray, signs: np.ndarray) -> float:
        """Return the log-likelihood ratio to unrelated labels if column m holds the answers for label order[m].

        `signs`: for each column 1, or -1 if it holds the opposite.
        """
        import numpy as np

        scale = self.sd * signs
        effects = self.effects[order] * scale[:, None]
        uncertainty = self.uncertainty[np.ix_(order, order)] * np.outer(scale, scale)
        share = np.array([q for q in _SHARES for _ in _SPREADS])
        spread = np.array([t for _ in _SHARES for t in _SPREADS])
        one = np.eye(len(order))
        covariance = share[:, None, None] ** 2 * uncertainty + spread[:, None, None] ** 2 * one  # of W, by column
        left = self.between - share[:, None, None] * (self.among @ effects)
        inflated = one + covariance @ self.among
        explained = (left * np.linalg.solve(inflated, covariance @ left)).sum(axis=(1, 2))
        linear, square = float((effects * self.between).sum()), float((effects * (self.among @ effects)).sum())
        logs = share * linear - 0.5 * share**2 * square + 0.5 * explained
        logs -= 0.5 * len(order) * np.linalg.slogdet(inflated)[1]
        highest = float(logs.max())
        return highest + float(np.log(np.exp(logs - highest).mean()))
