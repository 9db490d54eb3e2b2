"""ONNX files as graphs: read, folded, indexed."""
