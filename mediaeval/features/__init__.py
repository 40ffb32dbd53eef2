"""Pretrained networks as feature extractors, and the store that keeps what they computed."""
