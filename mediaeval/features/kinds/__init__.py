"""The kinds of extractor: how each builds its network from weights, and prepares images for it."""
