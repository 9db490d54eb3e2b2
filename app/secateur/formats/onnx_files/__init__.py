"""ONNX files: reading, sizes, opsets, half precision, external data, and quantized graphs (QDQ)."""
