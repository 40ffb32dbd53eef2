"""Searching for settings over folds of the dev set."""
