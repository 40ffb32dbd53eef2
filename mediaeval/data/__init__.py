"""Datasets in the official layout: reading, inspecting, splitting."""
