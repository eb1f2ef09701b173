"""Files that are whole at every moment and on the disk before a call returns, whatever ends the process."""

import os
from pathlib import Path


def write_new(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Creates a file with these permissions, less those that the process's umask takes away.

    Raises:
        OSError: something of that name is there already, or it cannot be written; half a file may be left.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from urnn.files import write_new
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "log")
        ...     write_new(path, b"first")
        ...     write_new(path, b"second")
        Traceback (most recent call last):
        FileExistsError: [Errno 17] File exists: ...
    """
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_atomically(path: Path, content: bytes) -> None:
    """Puts a new file in the place of an old one, which stays until the new one is whole and on the disk.

    One process at a time may write to `path`: the new file is `path` with ".tmp" appended until it is whole.

    Raises:
        OSError: the old file is still there, and nothing of the new one.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from urnn.files import write_atomically
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "log")
        ...     write_atomically(path, b"first")
        ...     write_atomically(path, b"second")
        ...     path.read_bytes()
        b'second'
    """
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)  # half a file of a killed process, or something that must not be written to
    try:
        write_new(temporary, content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Puts a rename in the folder on the disk, on systems where a folder can be opened for that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
