"""Every exporter in a process of its own: what a format has to offer, and what happens to it.

A `Format` with `in_child` (the default) never writes or runs in the engine. The engine stages a folder without pickle
(the lowered float graph as ONNX, encodings as npz, options as JSON, inputs as npz); one child process writes, a second
one opens the written file anew, runs it and times it. A crash, a hang or a kill of a converter is a sentence.

What such a format gives (`secateur.formats.base.Format`):

- `options`: a frozen subclass of `WriteOptions`; its fields become form and `--set name=value`. Its `computes_in` says
  "float16" where the file rounds to half precision, which widens what may deviate. Values travel as JSON.
- `can_write(model)`, `losses(model)`: asked in the engine before anything is staged, with the model as it is held
  there; they look at the model alone and import nothing heavy. `missing()` is asked first.
- `write(model, path, options)`: in the child. `model` is an equal of the engine's: a TorchModel is always lowered
  (`model.module` is an fx graph of plain torch layers, `graph_of(model)` its float ONNX graph, `model.encodings` the
  encodings, `secateur.graph.simulation.executable(model)` the module that simulates them), an OnnxModel has its
  `proto`, a StoredModel its tensors. Files go to `path` and beside it, nowhere else; converters may use the working
  directory, which is a temporary one. `tell(done, total, text)` of `secateur.formats.exporting.telling` reports
  progress where there is something to report. Whatever a converter prints goes into the log. `UserError` says what a
  person can mend; any other exception becomes a sentence with its last line.
- `why_not_run()`: None where the runtime works on this machine, else why not (Core ML away from a Mac).
- `run(path) -> Runner`: in the second child. `Runner(run_all)` wraps a function of one batch (an array per input) that
  gives a list of all outputs in the network's order. Any batch comes in: a runtime that takes one sample at a time
  loops inside (`secateur.graph.network.in_batches_of(1, run_all)` is that loop). Threads: one, so that milliseconds of
  formats can be compared.
- `weights(path) -> {layer name: float32 array}`: for formats that cannot be run here: what the file holds, decoded, is
  compared with the model's (encoded) weights instead of outputs. Raise NotImplementedError where names are lost.
- `time_limit_s`: seconds for a write, and for a run; 600 unless the class says otherwise.

By hand: `secateur.formats.proving.verify.export(model, format, path, samples=None, options=None) -> ExportedFile`.
"""
