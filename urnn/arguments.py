"""The arguments of the public modules, checked: each wrong one is a sentence, what was expected and what to do."""

import warnings
from collections.abc import Collection

import torch

from urnn import checks


def require_names(by_position: tuple[object, ...]) -> None:
    """Raises TypeError if more than nn.LSTM's first three arguments were given by position."""
    if by_position:
        raise TypeError(
            "URNN takes input_size, hidden_size and num_layers by position and all else by name, got "
            f"{len(by_position)} more by position; nn.LSTM's next are bias, batch_first, dropout, bidirectional"
        )


def require_size(name: str, value: object) -> None:
    """Raises TypeError or ValueError unless it is an int of at least 1."""
    if _int(name, value) < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def require_flag(name: str, value: object) -> None:
    """Raises TypeError unless it is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")


def require_text(name: str, value: object) -> None:
    """Raises TypeError unless it is a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name} should be of type str, got: {type(value).__name__}")


def require_lstm_options(bias: object, proj_size: object) -> None:
    """Raises TypeError or ValueError unless these options of nn.LSTM have the one value that `URNN` has too."""
    require_flag("bias", bias)
    if not bias:
        raise ValueError(
            "bias must be True, got False; modReLU's b is what makes the layer nonlinear. To keep it at its first "
            "value, call requires_grad_(False) on the b of each of URNN.layers"
        )
    if _int("proj_size", proj_size) != 0:
        raise ValueError(
            f"proj_size must be 0, got {proj_size}; URNN has no projection, an nn.Linear of its output is one"
        )


def require_dropout(dropout: object, num_layers: int) -> None:
    """Raises ValueError unless it is a probability; warns, as nn.LSTM does, where it has no effect."""
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise ValueError(f"dropout should be a number in range [0, 1], got {dropout!r}")
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout is applied after every layer but the last, so it has no effect with "
            f"num_layers=1 (dropout={dropout})",
            stacklevel=3,
        )


def require_recompute(recompute: object) -> None:
    """Raises TypeError or ValueError unless it is True, False or a number of steps."""
    if isinstance(recompute, bool):
        return
    if not isinstance(recompute, int):
        raise TypeError(f"recompute should be a bool or an int, got: {type(recompute).__name__}")
    if recompute < 1:
        raise ValueError(f"recompute must be True, False or a number of steps of at least 1, got {recompute}")


def require_output_steps(output_steps: object) -> None:
    """Raises TypeError or ValueError unless it is "all", "last" or a number of steps."""
    if isinstance(output_steps, bool) or not isinstance(output_steps, int | str):
        raise TypeError(f"output_steps should be a str or an int, got: {type(output_steps).__name__}")
    if output_steps not in ("all", "last") and (isinstance(output_steps, str) or output_steps < 1):
        raise ValueError(
            "output_steps must be 'all', 'last' or a number k of at least 1, for every k-th step and the last, "
            f"got {output_steps!r}"
        )


def require_positive(name: str, value: object) -> None:
    """Raises TypeError or ValueError unless it is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} should be of type float, got: {type(value).__name__}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0, got {value}")


def require_preset(preset: object, known: Collection[str]) -> None:
    """Raises TypeError or ValueError unless it names one of the presets that are known."""
    require_text("preset", preset)
    if preset not in known:
        raise ValueError(f"preset must be one of {list(known)}, got {preset!r}")


def require_dtype(dtype: torch.dtype) -> None:
    """Raises ValueError unless parameters can have it."""
    if dtype not in checks.DTYPES:
        raise ValueError(
            f"dtype must be torch.float32, torch.float64, torch.float16 or torch.bfloat16, got {dtype}"
        )


def _int(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
    return value
