"""Proving a run file: written, read back, rehearsed, replayed, reproduced, and checked against the images."""
