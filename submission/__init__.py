"""The official run file: its columns, its writer and reader, its checks, its score. Imports nothing of `mediaeval`."""
