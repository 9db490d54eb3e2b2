"""The network itself, the one home of its weights: ONNX ↔ torch, lowering, Q/DQ placement, simulation, couplings."""
