"""Recurrent nets learned without gradients: a quadratic net from cross-moments of inputs and outputs.

GLOREE (Sedghi, Anandkumar 2016, arXiv 1603.00954): where the density of the inputs is known, averages of outputs
times its score functions are the net's mean derivatives, and a decomposition of these tensors has its weights.
Nothing here needs the trainer.
"""

from urnn.extras import how_to_install, package_of

try:
    from urnn.spectral.comparison import Errors, errors
    from urnn.spectral.conditions import SpectralWarning
    from urnn.spectral.data import Sequences
    from urnn.spectral.estimator import SpectralRNN
    from urnn.spectral.quadratic import QuadraticRNN
    from urnn.spectral.scores import AutoregressiveGaussian, Gaussian, IndependentGaussian
except ModuleNotFoundError as error:
    if (package := package_of(error)) is None:
        raise
    raise ModuleNotFoundError(
        f"urnn.spectral needs {package}, which is not installed; install it {how_to_install('spectral')}",
        name=error.name,
    ) from error

__all__ = [
    "AutoregressiveGaussian",
    "Errors",
    "Gaussian",
    "IndependentGaussian",
    "QuadraticRNN",
    "Sequences",
    "SpectralRNN",
    "SpectralWarning",
    "errors",
]
