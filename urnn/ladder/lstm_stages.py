"""The stages of the LSTM ladder and its rungs, by name (Appleyard, Kocisky, Blunsom 2016, arXiv 1604.01946).

Only names and switches, so that tables and plots can read them without the arithmetic.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stages:
    """Which optimisations are on. All off is the plain formula; every combination computes the same function.

    T time steps, L layers, B samples, n units; a product is one GEMM.

    Attributes:
        grouped_gates: the four gates of a product in one GEMM instead of one GEMM each.
        streams: a step's input product in a second CUDA stream beside its recurrent one. CUDA only.
        fused_pointwise: the cell's pointwise part as one function with a backward of its own, on all gates at
            once; gates that were multiplied one by one are copied side by side first. Not differentiable twice.
        transposed_weights: weights transposed in memory once a call, instead of read across by every GEMM.
        batched_input: a layer's input product for all T steps in one GEMM. With `wavefront` that is layer 0
            only: no other layer's input is known for all steps when it starts.
        wavefront: the cells (layer l, step t) with the same l + t run together as batched GEMMs: T + L - 1
            dependent steps instead of T L.
        batched_weight_gradient: a matrix's gradient as one GEMM over T B rows, instead of T GEMMs and T - 1
            sums. Not differentiable twice.

    Raises:
        ValueError: `streams` with `batched_input` and no `wavefront`: no step has an input product to overlap.

    Example:
        >>> from urnn.ladder.lstm_stages import RUNGS, Stages
        >>> RUNGS["grouped_gates"] == Stages(grouped_gates=True)
        True
        >>> Stages(streams=True, batched_input=True)
        Traceback (most recent call last):
        ValueError: streams overlap a step's input product with its recurrent one, but batched_input leaves no ...
    """

    grouped_gates: bool = False
    streams: bool = False
    fused_pointwise: bool = False
    transposed_weights: bool = False
    batched_input: bool = False
    batched_weight_gradient: bool = False
    wavefront: bool = False

    def __post_init__(self) -> None:
        if self.streams and self.batched_input and not self.wavefront:
            raise ValueError(
                "streams overlap a step's input product with its recurrent one, but batched_input leaves no input "
                "product in a step; switch one of the two off, or wavefront on"
            )


_NAIVE = Stages()
_GROUPED = replace(_NAIVE, grouped_gates=True)
_FUSED = replace(_GROUPED, fused_pointwise=True)
_TRANSPOSED = replace(_FUSED, transposed_weights=True)
_BATCHED_INPUT = replace(_TRANSPOSED, batched_input=True)
_BATCHED_GRADIENT = replace(_BATCHED_INPUT, batched_weight_gradient=True)

# Each rung is the one below and one switch more. Streams are a side rung on every device: the rungs above it stand
# on grouped_gates, so that the ladder is the same with and without CUDA, and batched_input would end them anyway.
RUNGS: dict[str, Stages | None] = {
    "naive": _NAIVE,
    "grouped_gates": _GROUPED,
    "streams": replace(_GROUPED, streams=True),
    "fused_pointwise": _FUSED,
    "transposed_weights": _TRANSPOSED,
    "batched_input": _BATCHED_INPUT,
    "batched_weight_gradient": _BATCHED_GRADIENT,
    "wavefront": replace(_BATCHED_GRADIENT, wavefront=True),
    # The ceiling, torch's own kernel. On a CPU it calls oneDNN's GEMMs, all other rungs the BLAS's, so part of the
    # last gap lies between two libraries and not between two schedules.
    "nn_lstm": None,
}
