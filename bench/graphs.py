"""A call captured in a CUDA graph, so that its launches cost next to nothing when it is replayed.

An eager loop is bound by its launches; against such a loop any fused kernel wins. Captured, the same kernels run
back to back. Known weakness: the first call of a captured cell is a replay; what the capture cost is in no figure.
"""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UPS = 3  # cuBLAS and cuDNN make their handles and workspaces before a capture, not in it


def captured(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """`work` -> a call that replays what one call of it launched; the result stands where the capture put it.

    Its inputs are read from where they lay, parameters and optimiser state are changed in place.

    Raises:
        RuntimeError: the work cannot be captured, because it waits for the device, say.
        torch.OutOfMemoryError: the graph's own pool of memory does not fit.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            result = work()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise RuntimeError(f"cannot be captured in a CUDA graph: {error}") from error

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay
