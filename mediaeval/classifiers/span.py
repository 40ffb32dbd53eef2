"""Training images in an orthonormal basis of the space that they span: fewer columns, and nothing lost.

2,432 images span at most 2,432 of 11,414 dimensions. A layer on the basis has fewer weights by that factor. What it
learns is also a layer on the features, into which it is folded afterwards: W x = W_basis Vᵀ x, with V the basis.

The basis is turned at random, so that all of its directions vary alike, as features do: Adam takes steps of one length
in each, and on the directions of most to least variance networks did worse (docs/benchmarks.md).

n training vectors (views included), D features, R ≤ n directions.
"""

import numpy as np

LEAST = 1e-3  # length of a direction, relative to the longest, below which it is rounding: float32 products of 10⁴


class Span:
    """The space that vectors X, float32 (n, D), span."""

    def __init__(self, X: np.ndarray, rng: np.random.Generator):
        squares, vectors = np.linalg.eigh((X @ X.T).astype(np.float64))  # X = U S Vᵀ, X Xᵀ = U S² Uᵀ
        kept = squares > LEAST**2 * squares[-1]
        lengths, vectors = np.sqrt(squares[kept]), vectors[:, kept]
        turn = np.linalg.qr(rng.standard_normal((len(lengths), len(lengths))))[0]
        self.X = X
        self.to_basis = (vectors / lengths) @ turn  # (n, R); the basis Xᵀ U / S · turn is never formed
        self.rotated = ((vectors * lengths) @ turn).astype(np.float32)  # (n, R): X in the basis

    def rotate(self, X: np.ndarray) -> np.ndarray:
        """Return other vectors (m, D) in the basis, float32 (m, R); what they have outside of the span is left out."""
        return ((X @ self.X.T) @ self.to_basis).astype(np.float32)

    def fold(self, weight: np.ndarray) -> np.ndarray:
        """Return the layer on features, float32 (H, D), that does what `weight` (H, R) does on the basis."""
        return (weight @ self.to_basis.T).astype(np.float32) @ self.X
