"""ONNX → trainable torch network.

`importer.import_model` builds it (values, builder and one file of operator functions a group), `operators`
is the table, `check.import_deviation` compares it with ONNX Runtime.
"""
