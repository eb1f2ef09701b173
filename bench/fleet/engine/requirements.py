"""What a machine must be to be given work: `--require gpu=H100,cores=8`."""

from collections.abc import Mapping

AT_LEAST = ("cores", "memory_gib")
NAMES = ("gpu", "processor", "node", "kind", *AT_LEAST)


def lacks(machine: Mapping[str, object], require: Mapping[str, str]) -> str:
    """Why it does not do, or ""; names contain a text, in any case, and numbers are at least so much."""
    for name, wanted in require.items():
        found = machine[name]
        text = str(found or "").lower()
        if not (int(found or 0) >= int(wanted) if name in AT_LEAST else wanted.lower() in text):
            return f"{name} is {found or 'none'}"
    return ""
