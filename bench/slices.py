"""Which cells of a profile are meant: the options that narrow it, on the command line and back again.

`AXES` is the only list of these options. A gate also writes them, to say how one of its cells is measured alone.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.vocabulary import DEVICES, GRAPH, PHASES
from bench import subjects
from bench.estimate import require_memory
from bench.grid import DTYPES, Cell, Profile, select
from bench.options import MOST_SIZE, names, whole_numbers
from bench.profiles import PROFILES
from bench.workloads import is_here, require_device
from urnn.tasks import TASKS


@dataclass(frozen=True)
class Axis:
    """An option that narrows a profile.

    Attributes:
        flag: how it is written, "--hidden".
        attribute: what it narrows, an attribute of `Cell`.
        purpose: its help.
        known: the names it may have; empty for sizes, which are free, and for models, which may have a backend.
    """

    flag: str
    attribute: str
    purpose: str
    known: tuple[str, ...] = ()


MODELS = Axis(
    "--models",
    "variant",
    f"of {', '.join(subjects.SUBJECTS)}, or with a backend: urnn:reference; "
    f"{', '.join(f'{word} is {len(names)} of them' for word, names in subjects.WORDS.items())}",
)
NAMES = (
    Axis("--phase", "phase", f"of {', '.join(PHASES)}", tuple(PHASES)),
    Axis("--device", "device", f"of {', '.join(DEVICES)}; default: those that are here", DEVICES),
    Axis("--dtype", "dtype", f"of {', '.join(DTYPES)}", DTYPES),
    Axis("--task", "task", f"of {', '.join(TASKS)}", tuple(TASKS)),
)
SIZES = (
    Axis("--hidden", "hidden_size", "hidden sizes; any, not only the profile's"),
    Axis("--length", "length", "time steps; any"),
    Axis("--batch", "batch", "sequences; any"),
    Axis("--layers", "num_layers", "layers stacked; those of the profile"),
)
AXES = (MODELS, *NAMES, *SIZES)


def add_options(parser: argparse.ArgumentParser, profile: str) -> None:
    """`--profile`, with this default, and an option for each axis."""
    parser.add_argument("--profile", default=profile, help=f"one of {', '.join(PROFILES)}; default: %(default)s")
    for axis in AXES:
        kind = (whole_numbers(MOST_SIZE), "N,...") if axis in SIZES else (names, "NAME,...")
        parser.add_argument(axis.flag, dest=axis.attribute, type=kind[0], metavar=kind[1], help=axis.purpose)


def given(options: argparse.Namespace) -> dict[str, Sequence[str | int]]:
    """The flags of the axes that were named, with their values."""
    values = {axis.flag: getattr(options, axis.attribute) for axis in AXES}
    return {flag: value for flag, value in values.items() if value}


def written(options: argparse.Namespace) -> tuple[str, ...]:
    """The options that chose the cells, as they are written on a command line."""
    return tuple(f"{flag}={','.join(map(str, values))}" for flag, values in given(options).items())


def written_for(cell: Cell) -> str:
    """The options that choose this cell alone, as they are written on a command line."""
    return " ".join(f"{axis.flag} {getattr(cell, axis.attribute)}" for axis in AXES)


def chosen_cells(options: argparse.Namespace, profile: Profile, *, anywhere: bool = False) -> list[Cell]:
    """The slice of the profile that the options name.

    Args:
        anywhere: other machines measure them, so a device that is named need not be here.

    Raises:
        ValueError: a name that the grid does not have, a slice without a cell, or a cell that no profile has and
            that cannot fit into memory.
        RuntimeError: a device that was asked for and is absent.
    """
    _require_known(options, anywhere)
    known = dict.fromkeys(profile.cells())
    devices = options.device or [device for device in DEVICES if is_here(device)]
    if not options.device and not any(cell.device in devices for cell in known):
        raise RuntimeError(
            f"profile {profile.name!r} needs a CUDA device and torch sees none here; measure another profile, "
            "or run this on a machine with a GPU and a CUDA build of torch"
        )
    allowed = {axis.attribute: getattr(options, axis.attribute) for axis in (*NAMES, *SIZES)}
    cells = select(_of_models(list(known), options.variant, profile), **allowed | {"device": devices})
    if not cells:
        raise ValueError(f"no cell of profile {profile.name!r} fits these options; see `python -m bench list`")
    for cell in cells:
        if cell not in known and not anywhere:  # one of the profile that does not fit is recorded as that
            require_memory(cell)
    return cells


def left_out(options: argparse.Namespace, profile: Profile, chosen: Sequence[Cell]) -> dict[Cell, str]:
    """The cells of the slice that the profile leaves out and that were not asked for by their sizes, with why."""
    models, devices = _meant(options.variant or ()), {cell.device for cell in chosen}
    axes = [axis.attribute for axis in (*NAMES, *SIZES) if getattr(options, axis.attribute)]
    return {
        cell: why
        for cell, why in profile.not_planned().items()
        if cell.device in devices
        and (not models or {cell.model, cell.variant} & set(models))
        and all(getattr(cell, axis) in getattr(options, axis) for axis in axes)
        and cell not in chosen
    }


def _require_known(options: argparse.Namespace, anywhere: bool) -> None:
    for axis in NAMES:
        for value in getattr(options, axis.attribute) or ():
            if value not in axis.known:
                raise ValueError(f"{axis.attribute} must be one of {', '.join(axis.known)}; got {value!r}")
    for device in () if anywhere else options.device or ():
        require_device(device)


def _of_models(cells: list[Cell], names: Sequence[str] | None, profile: Profile) -> list[Cell]:
    if names is None:
        return cells
    for name in names:
        model, _, backend = name.partition(":")
        if name in subjects.WORDS:
            continue
        known = subjects.get(model).backends
        if backend and backend.removesuffix(GRAPH) not in known:
            raise ValueError(f"backend of {model} must be one of {', '.join(known)}; got {backend!r}")
    meant = _meant(names)
    found = [cell for cell in cells if cell.model in meant or cell.variant in meant]
    if not found:
        elsewhere = [other.name for other in PROFILES.values() if _has(other, meant)]
        raise ValueError(
            f"profile {profile.name!r} has no cell of {', '.join(names)}"
            + (f"; use --profile {' or '.join(elsewhere)}" if elsewhere else "")
        )
    return found


def _meant(names: Sequence[str]) -> list[str]:
    """Models and variants, in place of the words that mean several."""
    return [one for name in names for one in subjects.WORDS.get(name, (name,))]


def _has(profile: Profile, names: Sequence[str]) -> bool:
    return any(cell.model in names or cell.variant in names for cell in profile.cells())
