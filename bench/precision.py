"""What a cell's dtype means: the type of its tensors, and whether float32 products may be rounded to TF32.

torch lets cuDNN use TF32 unless it is switched off, so that an LSTM "in float32" is not one. Here TF32 is off, and
is a dtype of its own. Known weakness: the setting is the whole process's, so two cells cannot run at a time.
"""

import torch

TENSORS = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "tf32": torch.float32,
}
DTYPES = tuple(TENSORS)
ON_CUDA_ALONE = ("tf32",)


def set_tf32(allowed: bool) -> None:
    """Allows or forbids TF32 in cuBLAS and cuDNN, by torch's newer switches where it has them (from 2.9 on)."""
    if hasattr(torch.backends.cudnn, "rnn") and hasattr(torch.backends.cudnn.rnn, "fp32_precision"):
        for place in (torch.backends.cuda.matmul, torch.backends.cudnn.rnn, torch.backends.cudnn.conv):
            place.fp32_precision = "tf32" if allowed else "ieee"
    else:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def epsilon_of_rmsprop(dtype: str) -> float:
    """torch's own, or the least that float16 can hold beside a squared gradient of zero."""
    return 1e-4 if dtype == "float16" else 1e-8
