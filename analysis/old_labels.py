"""Names of models and backends for files written before results carried their own. Nothing new belongs here.

A model that is measured today brings its names along from its row in the registry of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.vocabulary import CEILING, LADDER

# As `models.json` states them; a ladder's rungs stand from the first way to write the model to the best one known.
OLD_MODELS: Mapping[str, Mapping[str, Any]] = {
    "urnn": {
        "label": "uRNN",
        "family": "unitary",
        "backends": {
            "cuda": "fused CUDA kernel",
            "cpu": "fused kernel",
            "materialized": "dense W",
            "reference": "eager reference",
        },
    },
    "lstm": {"label": "nn.LSTM"},
    "gru": {"label": "nn.GRU"},
    "rnn_tanh": {"label": "nn.RNN (tanh)"},
    "irnn": {"label": "IRNN"},
    "ortho_matrix_exp": {"label": "Orthogonal RNN (matrix exp)"},
    "ortho_cayley": {"label": "Orthogonal RNN (Cayley)"},
    "ortho_householder": {"label": "Orthogonal RNN (Householder)"},
    "urnn_ladder": {
        "label": "uRNN ladder",
        "family": LADDER,
        "backends": {
            "op_by_op": "op by op",
            "real_pairs": "real pairs",
            "materialised": "dense W",
            "hoisted_input": "input hoisted",
            "fused_step": "one kernel a step",
            "whole_sequence": "one kernel a sequence",
            "wavefront": "layers as a wavefront",
        },
    },
    "lstm_ladder": {
        "label": "LSTM ladder",
        "family": LADDER,
        "backends": {
            "naive": "one product a gate",
            "grouped_gates": "gates grouped",
            "streams": "two streams",
            "fused_pointwise": "pointwise ops fused",
            "transposed_weights": "weights transposed",
            "batched_input": "input batched over time",
            "batched_weight_gradient": "weight gradient batched",
            "wavefront": "layers as a wavefront",
            "nn_lstm": "nn.LSTM, the ceiling",
        },
    },
    "ceiling": {
        "label": "Ceiling",
        "family": CEILING,
        "backends": {"fourier": "Two Fourier transforms alone", "memory": "Writing the output alone"},
    },
}
