"""Where quantization and dequantization stand in an ONNX graph, and how they are written into it."""
