"""The uRNN written down a second time, from the paper alone: matrices as matrices, states number by number.

It shares no code with `urnn`: numpy, float64 and complex128, one sequence at a time, slow on purpose. The
tests hold every backend to it.
"""

import cmath

import numpy as np
import torch

# What the authors' released code does otherwise than the paper.
EPSILON = {"paper": 0.0, "released": 1e-5}
CONJUGATE = {"paper": False, "released": True}


def rounding(n: int, dtype: torch.dtype = torch.float64, steps: int = 1) -> float:
    """What rounding may cost states of modulus about 1: a few n * eps a time step.

    Each of the 7 factors of W that compute anything sums n products at most, of 4 roundings each if complex.
    """
    return 7 * (n + 4) * steps * torch.finfo(dtype).eps


def dft(n: int) -> np.ndarray:
    j, k = np.indices((n, n))
    return np.exp(-2j * np.pi * (j * k % n) / n) / np.sqrt(n)


def inverse_dft(n: int) -> np.ndarray:
    j, k = np.indices((n, n))
    return np.exp(2j * np.pi * (j * k % n) / n) / np.sqrt(n)


def householder(v: np.ndarray) -> np.ndarray:
    """I - 2 v v^H / v^H v for a complex v."""
    return np.eye(len(v)) - 2 * np.outer(v, v.conj()) / np.vdot(v, v)


def permutation_matrix(permutation: np.ndarray) -> np.ndarray:
    """Row k has its one in column permutation[k]."""
    matrix = np.zeros((len(permutation), len(permutation)))
    for k, source in enumerate(permutation):
        matrix[k, source] = 1
    return matrix


def complex_vector(pair: np.ndarray) -> np.ndarray:
    """[Re; Im], stacked on the last axis, as the complex vector."""
    n = pair.shape[-1] // 2
    return pair[..., :n] + 1j * pair[..., n:]


def recurrent_matrix(
    theta: np.ndarray, v: np.ndarray, permutation: np.ndarray, conjugate: bool = False
) -> np.ndarray:
    """W = D3 R2 F^-1 D2 Pi R1 F D1, with reflections in conj(v) where the released code has them."""
    n = theta.shape[-1]
    D1, D2, D3 = (np.diag(np.exp(1j * angles)) for angles in theta)
    v1, v2 = complex_vector(v)
    if conjugate:
        v1, v2 = v1.conj(), v2.conj()
    R1, R2 = householder(v1), householder(v2)
    return D3 @ R2 @ inverse_dft(n) @ D2 @ permutation_matrix(permutation) @ R1 @ dft(n) @ D1


def modrelu(z: complex, b: float, epsilon: float = 0.0) -> complex:
    """One number: its modulus |z| becomes |z| + b, or 0 where that is negative; its phase stays."""
    modulus = abs(z)
    if modulus == 0 or modulus + b < 0:
        return 0j
    return cmath.rect(modulus + b, cmath.phase(z)) * modulus / (modulus + epsilon)


def layer(
    parameters: dict[str, np.ndarray], x: np.ndarray, h_0: np.ndarray | None, reverse: bool, preset: str
) -> tuple[np.ndarray, np.ndarray]:
    """All states (T, n) in the order of the input (T, m), and the last one read."""
    W = recurrent_matrix(parameters["W.theta"], parameters["W.v"], parameters["W.permutation"], CONJUGATE[preset])
    V = complex_vector(parameters["V"].T).T
    h = complex_vector(parameters["h_0"]) if h_0 is None else h_0
    states = np.empty((len(x), len(h)), dtype=complex)
    steps = range(len(x))
    for t in reversed(steps) if reverse else steps:
        z = W @ h + V @ x[t]
        h = np.array([modrelu(z_k, b_k, EPSILON[preset]) for z_k, b_k in zip(z, parameters["b"], strict=True)])
        states[t] = h
    return states, h


def urnn(rnn: torch.nn.Module, x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Output (T, D * 2n) and h_n (layers * D, n) of a URNN for one sequence (T, m), from its state dict."""
    state = {name: value.detach().double().cpu().numpy() for name, value in rnn.state_dict().items()}
    directions = 2 if rnn.bidirectional else 1
    values, last_states = x.detach().double().cpu().numpy(), []
    for depth in range(rnn.num_layers):
        outputs = []
        for direction in range(directions):
            k = depth * directions + direction
            prefix = f"layers.{k}."
            parameters = {name.removeprefix(prefix): p for name, p in state.items() if name.startswith(prefix)}
            parameters["W.permutation"] = parameters["W.permutation"].astype(int)
            first = None if h_0 is None else h_0[k].detach().cpu().to(torch.complex128).numpy()
            states, last = layer(parameters, values, first, direction == 1, rnn.preset)
            outputs += [states.real, states.imag]
            last_states.append(last)
        values = np.concatenate(outputs, axis=1)
    return values, np.stack(last_states)
