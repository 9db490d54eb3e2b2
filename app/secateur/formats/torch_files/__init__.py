"""What torch writes: state dicts, pickles, TorchScript, exported programs; factories and tracing."""
