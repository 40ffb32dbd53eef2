"""Training images in an orthonormal basis of the space that they span: fewer columns, and nothing lost.

2,432 images span at most 2,432 of 11,414 dimensions. A layer on the basis has fewer weights by that factor. What it
learns is also a layer on the features, into which it is folded afterwards: W x = W_basis Vᵀ x, with V the basis.

n training vectors (views included), D features, R ≤ n directions.
"""

import numpy as np

LEAST = 1e-3  # length of a direction, relative to the longest, below which it is rounding: float32 products of 10⁴


class Span:
    """The space that vectors X, float32 (n, D), span."""

    def __init__(self, X: np.ndarray):
        squares, vectors = np.linalg.eigh((X @ X.T).astype(np.float64))  # X = U S Vᵀ, X Xᵀ = U S² Uᵀ
        kept = squares > LEAST**2 * squares[-1]
        lengths = np.sqrt(squares[kept])
        self.X = X
        self.to_basis = vectors[:, kept] / lengths  # (n, R): V = Xᵀ U / S, which is never formed
        self.rotated = (vectors[:, kept] * lengths).astype(np.float32)  # (n, R): X V = U S

    def rotate(self, X: np.ndarray) -> np.ndarray:
        """Return other vectors (m, D) in the basis, float32 (m, R); what they have outside of the span is left out."""
        return ((X @ self.X.T) @ self.to_basis).astype(np.float32)

    def fold(self, weight: np.ndarray) -> np.ndarray:
        """Return the layer on features, float32 (H, D), that does what `weight` (H, R) does on the basis."""
        return (weight @ self.to_basis.T).astype(np.float32) @ self.X
