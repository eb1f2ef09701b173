"""Who may speak with the scheduler and the workers: only who has the sweep's certificate, which is made for it.

Without it, whoever reaches their ports can run code: Dask sends functions as pickles. The key is written to a disk
only where Slurm's jobs need it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Security


def made(tls: bool) -> Security:
    """Dask's, with a certificate of its own that ends with this process; or none, without encryption."""
    from distributed import Security

    return Security.temporary() if tls else Security()
