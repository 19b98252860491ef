"""The ops of a file, and those that XNNPACK runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from keras_sep.tflite.flatbuffer import unpack

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def count_ops(path: Path) -> dict[str, int]:
    """Counts the ops of a .tflite or .onnx file, most frequent first; one that is not builtin is "<domain>:<name>"."""
    if path.suffix == ".onnx":
        import onnx

        names = [_qualified(node.domain, node.op_type) for node in onnx.load(path).graph.node]
    else:
        model = unpack(path.read_bytes())
        names = [_name(model.operatorCodes[op.opcodeIndex]) for graph in model.subgraphs for op in graph.operators]
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def delegated(path: Path) -> dict[str, Any] | None:
    """Counts the partitions that XNNPACK runs, and the ops outside them by name; None for an .onnx file."""
    if path.suffix == ".onnx":
        return None
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    ops = interpreter._get_ops_details()
    partitions = [op for op in ops if op["op_name"] == "DELEGATE"]
    ops = [op for op in ops if op["op_name"] != "DELEGATE"]
    makers = {int(tensor): op["index"] for op in ops for tensor in op["outputs"]}
    inputs = {op["index"]: [int(tensor) for tensor in op["inputs"]] for op in ops}
    inside: set[int] = set()
    for partition in partitions:
        # The interpreter does not say which ops a partition has: they are those between its outputs and its inputs.
        border = {int(tensor) for tensor in partition["inputs"]}
        todo = [int(tensor) for tensor in partition["outputs"]]
        while todo:
            tensor = todo.pop()
            maker = None if tensor in border else makers.get(tensor)
            if maker is not None and maker not in inside:
                inside.add(maker)
                todo += inputs[maker]
    outside = Counter(op["op_name"] for op in ops if op["index"] not in inside)
    return {"partitions": len(partitions), "outside": dict(sorted(outside.items()))}


def _name(code: Any) -> str:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    if builtin != schema.BuiltinOperator.CUSTOM:
        return _NAMES[builtin]
    return _qualified("custom", code.customCode.decode())


def _qualified(domain: str, name: str) -> str:
    return name if domain in ("", "ai.onnx") else f"{domain}:{name}"
