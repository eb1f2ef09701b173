"""A sweep over many machines: blocks, their shards, attempts to measure them, and how these become one table.

No engine: a shard is a command, its results are files, and a merge reads folders. Whoever starts the commands (a
person over ssh, a CI matrix, Slurm) needs nothing of this package.
"""
