"""A sweep in shards spread by Dask: who measures which blocks next, on machines that may end at any time.

Dask has an environment of its own (`.fleet`), without torch and the suite's packages. So these modules need the
standard library and Dask alone, and measuring is a command of the other environment: `bench run --block`.
"""
