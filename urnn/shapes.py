"""Shapes in annotations: `Float[Tensor, "T B m"]` is a real tensor of time steps, batch and features.

The names are jaxtyping's, which checks every call against them while the tests run. The layer works without it:
where it is not installed, `Float[Tensor, "T B m"]` is `Tensor`, and to a type checker it is always
`Annotated[Tensor, "T B m"]`.

Letters: T time steps, B samples, m input features, n complex units, L layers. `re_im` is the 2n real numbers that
stand for n complex ones, [Re; Im]. A size in braces is computed from an argument: `"B {2*parameters.n}"`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Annotated as Bool
    from typing import Annotated as Complex
    from typing import Annotated as Float
    from typing import Annotated as Int
    from typing import Annotated as UInt8
else:
    try:
        from jaxtyping import Bool, Complex, Float, Int, UInt8
    except ImportError:

        class _Unchecked:
            """The type alone."""

            def __class_getitem__(cls, typed: tuple[type, str]) -> type:
                return typed[0]

        Bool = Complex = Float = Int = UInt8 = _Unchecked

__all__ = ["Bool", "Complex", "Float", "Int", "UInt8"]
