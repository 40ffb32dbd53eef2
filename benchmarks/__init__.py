"""Measurements that anyone can run again; see docs/benchmarks.md."""
