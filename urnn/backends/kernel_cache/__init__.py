"""The cache of compiled kernels: how one is found, built, kept and loaded, the same way for every kernel.

    keys.py      what a kernel was made of, as a key that is part of its file's name
    store.py     the folder of kernels: `fetch` reads one, `store` writes one
    loading.py   `content` and `loaded`: from the store, or built and then stored
    scratch.py   temporary folders for one build
    trust.py     whether another user could have changed a folder or a file

The logger `urnn.kernels` says at level INFO when a kernel is compiled, which can take two minutes.

A cache that cannot be used costs the time to compile and one warning, never the kernel: it is built in a temporary
folder, for this process alone.
"""

from urnn.backends.kernel_cache.errors import BuildError, warn_once
from urnn.backends.kernel_cache.keys import key
from urnn.backends.kernel_cache.loading import content, loaded
from urnn.backends.kernel_cache.scratch import private
from urnn.backends.kernel_cache.trust import POSIX

__all__ = ["POSIX", "BuildError", "content", "key", "loaded", "private", "warn_once"]
