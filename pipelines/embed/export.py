"""safetensors bytes → an ONNX graph (opset 20) with mean pooling and unit length inside. No files, no torch.

The layers are BERT's (Devlin et al. 2018) as the weights' config.json sets them: 6 layers, 12 heads, 384 wide, exact GELU.
Inputs: `input_ids` and `attention_mask`, int64 (texts, pieces). Output: one, float32 (texts, 384).
Raises ModelError when a weight is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

GRAPH_VERSION = 1  # raise it with every change of the graph: caches are made anew
LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12  # layer_norm_eps
HEAD_WIDTH = WIDTH // HEADS
OPSET = 20  # the first with Gelu
IR_VERSION = 10  # of that opset; newer ones are refused by older runtimes
MASKED = float(np.finfo(np.float32).min)


class _Graph:
    """Nodes and constants as they are added; every method returns the name of what it added."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def weight(self, name: str, *, transpose: bool = False) -> str:
        """A constant from the weights. Raises ModelError."""
        if name not in self.weights:
            raise ModelError(f"model.safetensors has no {name}: it is no BERT of {LAYERS} layers")
        value = self.weights[name]
        return self.constant(name, np.ascontiguousarray(value.T) if transpose else value)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A constant of our own."""
        self.constants[name] = value
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def dense(self, value: str, name: str) -> str:
        """value · Wᵀ + b."""
        product = self.add("MatMul", value, self.weight(f"{name}.weight", transpose=True))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def norm(self, value: str, name: str) -> str:
        """Layer normalisation over the width."""
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", value, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, value: str, order: tuple[int, ...]) -> str:
        """(texts, pieces, width) → heads apart, axes in `order`."""
        return self.add("Transpose", self.add("Reshape", value, "split"), perm=order)


def build_graph(safetensors: bytes) -> ModelProto:
    """The whole model. Raises ModelError."""
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import load

    graph = _Graph(load(safetensors))
    graph.constant("split", np.array([0, 0, HEADS, HEAD_WIDTH], dtype=np.int64))
    graph.constant("join", np.array([0, 0, WIDTH], dtype=np.int64))
    graph.constant("scale", np.array(HEAD_WIDTH**-0.5, dtype=np.float32))
    graph.constant("one", np.array(1.0, dtype=np.float32))
    graph.constant("masked", np.array(MASKED, dtype=np.float32))
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden, bias = _embedded(graph), _attention_bias(graph, mask)
    for layer in range(LAYERS):
        hidden = _layer(graph, hidden, bias, f"encoder.layer.{layer}")
    vectors = _pooled(graph, hidden, mask)
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence_encoder",
            [
                helper.make_tensor_value_info(n, TensorProto.INT64, ["texts", "pieces"])
                for n in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["texts", WIDTH])],
            [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def _embedded(graph: _Graph) -> str:
    """Word + position + segment (always the first), normalised."""
    kind = "embeddings"
    words = graph.add("Gather", graph.weight(f"{kind}.word_embeddings.weight"), "input_ids")
    first = graph.weights[f"{kind}.token_type_embeddings.weight"][0]
    places = graph.constant("places", graph.weights[f"{kind}.position_embeddings.weight"] + first)
    graph.constant("zero", np.array([0], dtype=np.int64))
    pieces = graph.add("Shape", "input_ids", start=1, end=2)
    placed = graph.add("Slice", places, "zero", pieces, "zero")
    return graph.norm(graph.add("Add", words, placed), f"{kind}.LayerNorm")


def _attention_bias(graph: _Graph, mask: str) -> str:
    """0 where a piece is, the least float where padding is; shape (texts, 1, 1, pieces)."""
    graph.constant("middle", np.array([1, 2], dtype=np.int64))
    padding = graph.add("Sub", "one", mask)
    return graph.add("Unsqueeze", graph.add("Mul", padding, "masked"), "middle")


def _layer(graph: _Graph, hidden: str, bias: str, name: str) -> str:
    own = f"{name}.attention.self"
    query = graph.heads(graph.add("Mul", graph.dense(hidden, f"{own}.query"), "scale"), (0, 2, 1, 3))
    key = graph.heads(graph.dense(hidden, f"{own}.key"), (0, 2, 3, 1))
    value = graph.heads(graph.dense(hidden, f"{own}.value"), (0, 2, 1, 3))
    scores = graph.add("Add", graph.add("MatMul", query, key), bias)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    joined = graph.add("Reshape", graph.add("Transpose", mixed, perm=(0, 2, 1, 3)), "join")
    attended = graph.dense(joined, f"{name}.attention.output.dense")
    hidden = graph.norm(graph.add("Add", attended, hidden), f"{name}.attention.output.LayerNorm")
    inner = graph.add("Gelu", graph.dense(hidden, f"{name}.intermediate.dense"))
    outer = graph.dense(inner, f"{name}.output.dense")
    return graph.norm(graph.add("Add", outer, hidden), f"{name}.output.LayerNorm")


def _pooled(graph: _Graph, hidden: str, mask: str) -> str:
    """The mean over a text's pieces, scaled to unit length."""
    graph.constant("last", np.array([2], dtype=np.int64))
    graph.constant("pieces", np.array([1], dtype=np.int64))
    weighted = graph.add("Mul", hidden, graph.add("Unsqueeze", mask, "last"))
    total = graph.add("ReduceSum", weighted, "pieces", keepdims=0)
    return graph.add("LpNormalization", total, axis=-1, p=2)  # the sum points where the mean points
