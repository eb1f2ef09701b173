"""The recurrent matrix of the uRNN and the six factors that make it.

    W = D3 R2 F^-1 D2 Pi R1 F D1              (Arjovsky, Shah, Bengio 2015, section 3, equation 6)

Applied right to left: D1 acts first. Every factor is unitary for every value of its parameters, so W is too, and
its 7n real parameters need no constraint while they are trained. The functions here take and return complex
tensors whose last dimension is n; leading dimensions are free.

Known weakness: this file is written to be read. Each factor is an operation of its own, so one product costs some
twenty small kernels. The backends are faster, and are tested against it.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from urnn import arguments, checks
from urnn.shapes import Complex, Float, Int


def to_complex(pair: Float[Tensor, "... re_im"]) -> Complex[Tensor, "... re_im//2"]:
    """Reads a real vector [Re; Im] as the complex vector that it stands for (section 4.1).

    Example:
        >>> import torch
        >>> from urnn.unitary import to_complex
        >>> to_complex(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor([1.+3.j, 2.+4.j])
    """
    real, imaginary = pair.chunk(2, dim=-1)
    return torch.complex(real, imaginary).contiguous()


def to_pair(z: Complex[Tensor, "... n"]) -> Float[Tensor, "... 2*n"]:
    """Writes a complex vector as the real vector [Re; Im] (section 4.1); the inverse of `to_complex`.

    Example:
        >>> import torch
        >>> from urnn.unitary import to_pair
        >>> to_pair(torch.tensor([1 + 3j, 2 + 4j]))
        tensor([1., 2., 3., 4.])
    """
    return torch.cat([z.real, z.imag], dim=-1)


def phases(theta: Float[Tensor, "*batch n"]) -> Complex[Tensor, "*batch n"]:
    """exp(i theta), the diagonal of D (section 3); theta real, in radians.

    Example:
        >>> import torch
        >>> from urnn.unitary import phases
        >>> torch.allclose(phases(torch.tensor([0.0, torch.pi])), torch.tensor([1 + 0j, -1 + 0j]), atol=1e-6)
        True
    """
    return torch.polar(torch.ones_like(theta), theta)


def directions(v: Float[Tensor, "*batch re_im"]) -> Complex[Tensor, "*batch re_im//2"]:
    """The complex unit vector v / |v| of a real v = [Re; Im]. v = 0 has no direction and gives NaN.

    Example:
        >>> import torch
        >>> from urnn.unitary import directions
        >>> directions(torch.tensor([3.0, 0.0, 0.0, 4.0]))  # v = (3, 4i)
        tensor([0.6000+0.0000j, 0.0000+0.8000j])
    """
    # The squares of entries below 1e-23 or above 1e19 leave float32's range. Scaling v does not change its
    # direction, so the gradient may treat the scale as a constant.
    v = to_complex(v / v.detach().abs().amax(dim=-1, keepdim=True))
    return v / torch.linalg.vector_norm(v, dim=-1, keepdim=True)


def reflection(h: Complex[Tensor, "*batch n"], v: Complex[Tensor, " n"]) -> Complex[Tensor, "*batch n"]:
    """R h, with R = I - 2 v v^H and |v| = 1 (section 3): the reflection in the hyperplane orthogonal to v.

    Example:
        >>> import torch
        >>> from urnn.unitary import reflection
        >>> v = torch.tensor([1 + 0j, 0j])
        >>> torch.equal(reflection(torch.tensor([2 + 1j, 5j]), v), torch.tensor([-2 - 1j, 5j]))
        True
    """
    return h - 2 * (h @ v.conj()).unsqueeze(-1) * v


def fourier(h: Complex[Tensor, "*batch n"]) -> Complex[Tensor, "*batch n"]:
    """F h, the discrete Fourier transform scaled by 1/sqrt(n), which makes it unitary (section 3).

    Example:
        >>> import torch
        >>> from urnn.unitary import fourier
        >>> fourier(torch.tensor([2 + 0j, 0j, 0j, 0j]))
        tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return torch.fft.fft(h, norm="ortho")


def inverse_fourier(h: Complex[Tensor, "*batch n"]) -> Complex[Tensor, "*batch n"]:
    """F^-1 h = F^H h, which undoes `fourier`.

    Example:
        >>> import torch
        >>> from urnn.unitary import fourier, inverse_fourier
        >>> h = torch.tensor([1 + 2j, 3j, 4 + 0j])
        >>> torch.allclose(inverse_fourier(fourier(h)), h)
        True
    """
    return torch.fft.ifft(h, norm="ortho")


def permute(h: Complex[Tensor, "*batch n"], permutation: Int[Tensor, " n"]) -> Complex[Tensor, "*batch n"]:
    """Pi h (section 3): entry k of the result is entry permutation[k] of h.

    Example:
        >>> import torch
        >>> from urnn.unitary import permute
        >>> permute(torch.tensor([1j, 2j, 3j]), torch.tensor([2, 0, 1]))
        tensor([0.+3.j, 0.+1.j, 0.+2.j])
    """
    return h[..., permutation]


def apply(
    h: Complex[Tensor, "*batch n"],
    D: Complex[Tensor, "3 n"],  # noqa: N803 - the paper's letters
    v: Complex[Tensor, "2 n"],
    permutation: Int[Tensor, " n"],
) -> Complex[Tensor, "*batch n"]:
    """W h = D3 R2 F^-1 D2 Pi R1 F D1 h (equation 6).

    Args:
        h: complex vectors.
        D: the diagonals of D1, D2, D3, as `phases` gives them.
        v: the vectors of R1 and R2, each of length 1, as `directions` gives them.
        permutation: see `permute`.

    Example:
        >>> import torch
        >>> from urnn.unitary import apply, directions, phases
        >>> D, v = phases(torch.rand(3, 5)), directions(torch.randn(2, 10))
        >>> h = torch.randn(7, 5, dtype=torch.complex64)
        >>> Wh = apply(h, D, v, torch.randperm(5))
        >>> torch.allclose(Wh.norm(dim=-1), h.norm(dim=-1), rtol=1e-4)
        True
    """
    h = permute(reflection(fourier(D[0] * h), v[0]), permutation)
    return D[2] * reflection(inverse_fourier(D[1] * h), v[1])


def apply_adjoint(
    h: Complex[Tensor, "*batch n"],
    D: Complex[Tensor, "3 n"],  # noqa: N803
    v: Complex[Tensor, "2 n"],
    permutation: Int[Tensor, " n"],
) -> Complex[Tensor, "*batch n"]:
    """W^H h = D1^H F^-1 R1 Pi^T D2^H F R2 D3^H h: the factors of `apply` undone in turn; same arguments.

    Example:
        >>> import torch
        >>> from urnn.unitary import apply, apply_adjoint, directions, phases
        >>> factors = phases(torch.rand(3, 5)), directions(torch.randn(2, 10)), torch.randperm(5)
        >>> h = torch.randn(5, dtype=torch.complex64)
        >>> torch.allclose(apply_adjoint(apply(h, *factors), *factors), h, atol=1e-4)
        True
    """
    h = fourier(reflection(D[2].conj() * h, v[1]))
    h = permute(D[1].conj() * h, torch.argsort(permutation))
    return D[0].conj() * inverse_fourier(reflection(h, v[0]))


class UnitaryMatrix(nn.Module):
    """W = D3 R2 F^-1 D2 Pi R1 F D1 as a module: a unitary n x n matrix with 7n real parameters.

    Calling it applies W to the last dimension of a complex tensor in O(n log n); `adjoint` applies W^H, which
    is W^-1; `dense` writes W out.

    Parameters (real, so that `.double()` and optimisers treat them like any other):
        theta: (3, n), the phases of D1, D2, D3 in radians; drawn from U(-pi, pi).
        v: (2, 2n), the vectors of R1 and R2, each as [Re; Im].
    Buffer:
        permutation: (n,) int64, drawn once; it travels with the state dict. The meta device has no numbers, so
            `to_empty` draws it there; `reset_parameters` draws it anew only if it is not a permutation.

    Args:
        n: number of complex units, at least 1.
        conjugate_reflections: reflect in conj(v) instead of v. The authors' released code does, because it
            writes the reflection for row vectors and leaves out one conjugate; both are unitary.
        reflection_bound: v is drawn from U(-bound, bound). Its scale does not change W, only how far a
            gradient step turns it.
        device, dtype: of the parameters. W is applied to complex64, with float64 to complex128.

    Raises:
        ValueError, TypeError: arguments out of range or of the wrong type; `permutation` is not a permutation, in
            a state dict or when W is applied.
        RuntimeError, ValueError, TypeError: an input of the wrong size, dtype or device, or no tensor.

    Example:
        >>> import torch
        >>> from urnn import UnitaryMatrix
        >>> W = UnitaryMatrix(16)
        >>> sum(p.numel() for p in W.parameters())
        112
        >>> h = torch.randn(3, 16, dtype=torch.complex64)
        >>> torch.allclose(W.adjoint(W(h)), h, atol=1e-4)
        True
        >>> W.dense().shape
        torch.Size([16, 16])
    """

    permutation: Tensor

    def __init__(
        self,
        n: int,
        *,
        conjugate_reflections: bool = False,
        reflection_bound: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        arguments.require_size("n", n)
        arguments.require_flag("conjugate_reflections", conjugate_reflections)
        arguments.require_positive("reflection_bound", reflection_bound)
        dtype = dtype or torch.get_default_dtype()
        arguments.require_dtype(dtype)
        self.n = n
        self.conjugate_reflections = conjugate_reflections
        self.reflection_bound = reflection_bound
        self.theta = nn.Parameter(torch.empty(3, n, device=device, dtype=dtype))
        self.v = nn.Parameter(torch.empty(2, 2 * n, device=device, dtype=dtype))
        self.register_buffer("permutation", _drawn(n).to(self.theta.device))
        self.reset_parameters()
        self.register_load_state_dict_pre_hook(load_all_or_nothing)

    def reset_parameters(self) -> None:
        """Draws theta and v afresh. The permutation stays if it is one: it is part of the model's identity."""
        try:
            checks.known_permutation(self.permutation)
        except ValueError:
            self.permutation.copy_(_drawn(self.n))
        nn.init.uniform_(self.theta, -math.pi, math.pi)
        nn.init.uniform_(self.v, -self.reflection_bound, self.reflection_bound)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "UnitaryMatrix":
        """Moves the permutation as `fn` says, and keeps it the same whole numbers.

        `to_empty` and `type` call this too: the first would leave whatever the memory held, the second rounded
        numbers. A permutation that comes from the meta device, which has no numbers, is drawn here.
        """
        before = self.permutation
        super()._apply(fn, recurse)
        after = self.permutation
        if after is before or after.is_meta:
            return self
        if before.is_meta:
            self.permutation = _drawn(self.n).to(after.device)
        else:
            self.permutation = after.copy_(before) if after.dtype == before.dtype else before.to(after.device)
        return self

    def reflection_vectors(self) -> Float[Tensor, "2 {2*self.n}"]:
        """v, or its conjugate under `conjugate_reflections`, as pairs [Re; Im] of any length."""
        if not self.conjugate_reflections:
            return self.v
        real, imaginary = self.v.chunk(2, dim=-1)
        return torch.cat([real, -imaginary], dim=-1)

    def factors(self) -> tuple[Tensor, Tensor, Tensor]:
        """What `apply` takes after h: diagonals (3, n), unit reflection vectors (2, n), permutation."""
        permutation = checks.known_permutation(self.permutation)
        theta = checks.widened("theta", self.theta, self.theta.dtype)
        v = checks.widened("v", self.reflection_vectors(), self.theta.dtype)
        return phases(theta), directions(v), permutation

    def forward(self, h: Complex[Tensor, "*batch n"]) -> Complex[Tensor, "*batch n"]:
        """W h."""
        checks.require_vectors("UnitaryMatrix", h, self.theta, self.n)
        return apply(h, *self.factors())

    def adjoint(self, h: Complex[Tensor, "*batch n"]) -> Complex[Tensor, "*batch n"]:
        """W^H h; since W is unitary, this undoes `forward`."""
        checks.require_vectors("UnitaryMatrix", h, self.theta, self.n)
        return apply_adjoint(h, *self.factors())

    def dense(self) -> Complex[Tensor, "n n"]:
        """W written out, O(n^2) memory: column k is W applied to the k-th unit vector."""
        rows = torch.eye(self.n, dtype=checks.computed_in(self.theta.dtype), device=self.theta.device)
        return self(torch.complex(rows, torch.zeros_like(rows))).mT

    def extra_repr(self) -> str:
        return f"n={self.n}, parameters={7 * self.n}"


def _drawn(n: int) -> Int[Tensor, " n"]:
    """A permutation by torch's generator of the CPU, so that one seed gives one permutation on every device."""
    return torch.randperm(n, device="cpu")


def load_all_or_nothing(module: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """A hook before a state dict is loaded into a module: one that does not fit changes nothing in the module.

    torch copies the tensors that fit and then raises for those that do not. Here, if one does not fit, those that
    do are replaced by the module's own. Missing and unexpected keys are left to `load_state_dict`, which alone
    knows whether it is strict.

    Raises:
        ValueError: a permutation that is not one, which would leave W silently not unitary.

    Example:
        >>> from urnn import UnitaryMatrix
        >>> W = UnitaryMatrix(4)  # registers this hook
        >>> W.load_state_dict({**W.state_dict(), "permutation": W.permutation * 0})
        Traceback (most recent call last):
        ValueError: the state dict's permutation must hold each of 0..3 once; permutation does not, so W would ...
    """
    own = module.state_dict(prefix=prefix, keep_vars=True)
    for key in _permutations_of(module, prefix):
        if isinstance(state.get(key), Tensor) and state[key] is not own[key]:
            _require_loadable(key, state[key], own[key].shape[0])
            state[key] = state[key].to(torch.int64)
    common = own.keys() & state.keys()
    fitting = {key for key in common if getattr(state[key], "shape", None) == own[key].shape}
    if fitting != common:
        state |= {key: own[key] for key in fitting}


def _permutations_of(module: nn.Module, prefix: str) -> Iterator[str]:
    """The names in a state dict of the permutations of a module and all below it."""
    for name, part in module.named_modules(prefix=prefix.removesuffix(".")):
        if isinstance(part, UnitaryMatrix):
            yield f"{name}.permutation".removeprefix(".")


def _require_loadable(key: str, permutation: Tensor, n: int) -> None:
    if not permutation.is_meta and not checks.is_permutation(permutation):
        raise ValueError(
            f"the state dict's permutation must hold each of 0..{n - 1} once; {key} does not, "
            "so W would not be unitary. Load a state dict that URNN wrote."
        )
