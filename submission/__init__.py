"""The official run file: its columns, its writer and reader, its checks and its score. Imports nothing of `mediaeval`."""
