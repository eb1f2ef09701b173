"""How much of a trained recurrent net's behaviour a set of sequences has shown, and tests that show more of it."""

from pathlib import Path

from torch import nn

from urnn.coverage import saved
from urnn.coverage.deepstellar import StateCoverage, TransitionCoverage
from urnn.coverage.metric import Metric
from urnn.coverage.states import Trace, trace
from urnn.coverage.structural import CellCoverage, GateCoverage, NeuronCoverage
from urnn.coverage.temporal import BoundaryCoverage, SequenceCoverage, StepwiseCoverage, TemporalCoverage

METRICS: dict[str, type[Metric]] = {
    metric.name: metric
    for metric in (
        NeuronCoverage,
        CellCoverage,
        GateCoverage,
        SequenceCoverage,
        BoundaryCoverage,
        StepwiseCoverage,
        TemporalCoverage,
        StateCoverage,
        TransitionCoverage,
    )
}


def load(path: Path, rnn: nn.Module) -> Metric:
    """The metric that `Metric.save` wrote, for such a module.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no saved metric, or of a module of another kind or size.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import torch
        >>> from urnn import coverage
        >>> lstm = torch.nn.LSTM(3, 4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     coverage.NeuronCoverage(lstm).fit(torch.zeros(5, 2, 3)).save(Path(folder, "neuron.json"))
        ...     coverage.load(Path(folder, "neuron.json"), lstm).count
        4
    """
    content = path.read_bytes()
    try:
        text = content.decode()
        stored = saved.parsed(text)
        options = saved.part(stored, "options", dict)
        made = METRICS[stored["metric"]](rnn, layer=stored["layer"], **options)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no saved coverage of this module ({saved.reason(error)})") from error
    return made.restore(text)


__all__ = [
    "METRICS",
    "BoundaryCoverage",
    "CellCoverage",
    "GateCoverage",
    "Metric",
    "NeuronCoverage",
    "SequenceCoverage",
    "StateCoverage",
    "StepwiseCoverage",
    "TemporalCoverage",
    "Trace",
    "TransitionCoverage",
    "load",
    "trace",
]
