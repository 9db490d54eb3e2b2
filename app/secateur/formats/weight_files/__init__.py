"""Files of tensors under names (safetensors, GGUF, npz, TFLite, OpenVINO IR), mapped rather than read."""
