"""torch.func's transforms and forward-mode derivatives, on every backend: the reference's value or a sentence."""

from collections.abc import Callable

import pytest
import torch
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from urnn import URNN

pytestmark = [
    # torch loads its own scripts at the first forward-mode derivative.
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning"),
    # The shape checker does not know a transform's tensors.
    pytest.mark.usefixtures("as_a_user"),
]

STEPS, BATCH, M, N = 4, 3, 2, 4
NO_SECOND = (
    "the fused kernels have no second derivative; URNN(..., backend='reference') has it, slower and for any order"
)


@pytest.fixture(params=["paper", "released"])
def layers(request: pytest.FixtureRequest, backend: str, device: str) -> tuple[URNN, URNN]:
    """The backend's and the reference's layer, with the same parameters."""
    options = {"preset": request.param, "device": device, "dtype": torch.float64}
    rnn = URNN(M, N, 2, backend=backend, **options)
    exact = URNN(M, N, 2, backend="reference", **options)
    exact.load_state_dict(rnn.state_dict())
    return rnn, exact


@pytest.fixture
def x(device: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(STEPS, BATCH, M, generator=generator, dtype=torch.float64).to(device)


def parameters_of(rnn: URNN) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in rnn.named_parameters()}


def loss_of(rnn: URNN) -> Callable:
    return lambda parameters, x: functional_call(rnn, parameters, (x,))[0].square().sum()


def weighted(output: torch.Tensor) -> torch.Tensor:
    return output * torch.linspace(-1, 1, output.numel(), dtype=output.dtype, device=output.device).view_as(output)


def tangent_of(rnn: URNN, x: torch.Tensor) -> torch.Tensor:
    return jvp(lambda x: rnn(x)[0], (x,), (weighted(torch.ones_like(x)),))[1].detach()


def by_forward_ad(rnn: URNN, x: torch.Tensor) -> torch.Tensor:
    with forward_ad.dual_level():
        output = rnn(forward_ad.make_dual(x, weighted(torch.ones_like(x))))[0]
        return forward_ad.unpack_dual(output).tangent.detach()


def without_a_gradient(rnn: URNN, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return jvp(lambda x: rnn(x)[0], (x,), (weighted(torch.ones_like(x)),))[1]


def batched_gradients(rnn: URNN, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    output = rnn(x)[0]
    directions = torch.stack([weighted(torch.ones_like(output)), torch.ones_like(output)])
    return torch.autograd.grad(output, x, directions, is_grads_batched=True)[0]


CALLS = {
    "grad": lambda rnn, x: grad(loss_of(rnn))(parameters_of(rnn), x),
    "vjp": lambda rnn, x: vjp(lambda x: rnn(x)[1].abs().square(), x)[1](torch.ones(2, BATCH, N).to(x))[0].detach(),
    "jacrev": lambda rnn, x: jacrev(lambda x: rnn(x)[0].sum(-1))(x).detach(),
    "jvp": tangent_of,
    "jvp under no_grad": without_a_gradient,
    "jacfwd": lambda rnn, x: jacfwd(lambda x: rnn(x)[0].sum(-1))(x).detach(),
    "forward_ad": by_forward_ad,
    "hessian, forward over reverse": lambda rnn, x: hessian(lambda x: rnn(x)[0].square().sum())(x).detach(),
    "vmap over inputs": lambda rnn, x: vmap(lambda x: rnn(x)[0], in_dims=1)(torch.stack([x, 2 * x], 1)).detach(),
    "vmap over states": lambda rnn, x: vmap(lambda h: rnn(x, h)[0], in_dims=2)(
        torch.complex(*torch.linspace(-1, 1, 2 * 2 * BATCH * 5 * N).to(x).view(2, 2, BATCH, 5, N))
    ).detach(),
    "vmap over parameters": lambda rnn, x: vmap(lambda p: functional_call(rnn, p, (x,))[0])(
        {name: torch.stack([value, value.flip(0)]) for name, value in parameters_of(rnn).items()}
    ),
    "gradients of each sample": lambda rnn, x: vmap(grad(loss_of(rnn)), in_dims=(None, 1))(
        parameters_of(rnn), x.unsqueeze(2)
    ),
    "gradients mapped over": batched_gradients,
}


@pytest.mark.parametrize("call", list(CALLS))
def test_a_transform_gives_what_the_reference_gives(call, layers, x):
    found, exact = (CALLS[call](rnn, x) for rnn in layers)
    torch.testing.assert_close(found, exact, rtol=1e-11, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["paper"], indirect=True)
def test_forward_mode_under_torch_compile_gives_what_the_reference_gives(layers, x):
    rnn, exact = layers
    compiled = torch.compile(lambda x: tangent_of(rnn, x), backend="eager")
    torch.testing.assert_close(compiled(x), tangent_of(exact, x), rtol=1e-11, atol=1e-11)


def test_gradients_of_each_sample_are_those_of_each_sample_alone(layers, x):
    rnn = layers[0]
    mapped = CALLS["gradients of each sample"](rnn, x)
    for sample in range(BATCH):
        alone = grad(loss_of(rnn))(parameters_of(rnn), x[:, [sample]])
        for name, gradient in alone.items():
            torch.testing.assert_close(mapped[name][sample], gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("damage", [-1, 10**9])
def test_a_permutation_is_checked_under_forward_mode_too(damage, layers, x):
    rnn = layers[0]
    permutation = rnn.layers[0].W.permutation
    # Past the version counter where every call reads the numbers, which on CUDA none does.
    (permutation if permutation.is_cuda else permutation.data).fill_(damage)
    with pytest.raises(ValueError, match=f"URNN: permutation must hold each of 0..{N - 1} once"):
        tangent_of(rnn, x)


@pytest.mark.parametrize("call", [tangent_of, by_forward_ad], ids=["jvp", "forward_ad"])
def test_the_operator_itself_refuses_forward_mode(call, x):
    """It cannot see a tangent, which would be lost."""
    rnn = URNN(M, N, dtype=torch.float64)
    layer = rnn.layers[0]
    parameters = (layer.W.theta, layer.W.v, layer.W.permutation, layer.V, layer.b)
    theta, v, permutation, V, b = (parameter.detach() for parameter in parameters)

    def operator(x):
        return torch.ops.urnn.sequence(x, x.new_zeros(BATCH, 2 * N), theta, v, permutation, V, b, 0.0)

    with pytest.raises(
        NotImplementedError, match="the fused operators have no forward-mode derivative; call URNN"
    ):
        call(operator, x.cpu())


def second_by_autograd(rnn: URNN, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(rnn(x)[0].square().sum(), x, create_graph=True)
    return torch.autograd.grad(first.square().sum(), x)[0]


def second_by_func(rnn: URNN, x: torch.Tensor) -> torch.Tensor:
    return grad(lambda x: grad(lambda x: rnn(x)[0].square().sum())(x).square().sum())(x).detach()


@pytest.mark.parametrize("second", [second_by_autograd, second_by_func])
def test_a_second_derivative_is_the_references_or_a_sentence(second, layers, x, backend):
    rnn, exact = layers
    if backend == "reference":
        # The chain rule once more: d|g|^2/dx = 2 H g.
        gradient = grad(lambda x: exact(x)[0].square().sum())(x)
        product = jvp(grad(lambda x: exact(x)[0].square().sum()), (x,), (gradient,))[1]
        torch.testing.assert_close(second(rnn, x), 2 * product.detach(), rtol=1e-9, atol=1e-9)
    else:
        with pytest.raises(NotImplementedError) as raised:
            second(rnn, x)
        assert str(raised.value) == NO_SECOND
