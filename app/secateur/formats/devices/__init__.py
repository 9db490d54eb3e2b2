"""Writers for what devices run: OpenVINO, ExecuTorch, LiteRT, Core ML, ncnn."""
