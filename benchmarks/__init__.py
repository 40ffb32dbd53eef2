"""Measurements that anyone can run again; see the README."""
