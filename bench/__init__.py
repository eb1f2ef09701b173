"""How the models are measured: one grid of cells, timed by asv and by pytest-benchmark.

A cell names what is measured; a workload makes it ready on real task data; both harnesses time that same
workload. Only this package knows both a model and a clock.
"""
