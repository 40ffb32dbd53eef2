"""The kinds of extractor, one a file: how each builds its network from weights, and prepares images for it.

library, vectors and detection hold what several kinds share: an engine's networks, a source's vectors, a detector.
"""
