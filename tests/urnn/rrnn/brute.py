"""The searching step written a second time, a sample and a candidate at a time, for autograd to differentiate."""

from itertools import combinations, product

import torch
from torch import Tensor

from urnn.rrnn.growth import Weights

# in the order of tree.ACTIVATIONS and tree.OPERATIONS
FUNCTIONS = (lambda v: v, torch.sigmoid, torch.tanh, lambda v: 1 - v)


def grow_one(
    x: Tensor, h: Tensor, L: Tensor, R: Tensor, weights: Weights, nodes: int
) -> tuple[Tensor, Tensor, list[list[int]]]:
    """Vectors, best and second scores, and codes of one sample's tree."""
    vectors, components, tops, codes = [x, h, torch.zeros_like(h)], [], [], []
    for number in range(nodes):
        left = nodes - number
        least = 2 if left == len(components) - 1 else 1 if left == len(components) else 0
        candidates, scores, names = [], [], []
        for i, j in sorted(combinations([0, 1, 2, *components], 2), key=lambda pair: pair[::-1]):
            if (i > 2) + (j > 2) < least:
                continue
            for activation, operation, k in product(range(4), range(2), range(len(L))):
                one, other = vectors[i] @ L[k], vectors[j] @ R[k]
                v = (one + other if operation == 0 else one * other) + weights.b[k]
                if activation in (0, 3) and not float(v.detach().abs().max()) < 1:
                    continue
                candidates.append(FUNCTIONS[activation](v))
                scores.append(weights.w @ torch.relu(weights.W @ candidates[-1] + weights.c))
                names.append([i, j, k, operation, activation])
        scores = torch.stack(scores)
        vectors.append(torch.softmax(scores, 0) @ torch.stack(candidates))
        tops.append(scores.topk(2).values)
        best = scores.detach().max()
        codes.append(names[int((scores >= best - 1e-13 * max(1, float(best.abs()))).int().argmax())])
        components = [slot for slot in components if slot not in codes[-1][:2]] + [number + 3]
    return torch.stack(vectors[3:]), torch.stack(tops), codes
