"""Probabilities that mean what they say, fitted out of fold, and what they let one expect of a test score."""
