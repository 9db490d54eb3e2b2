"""Tables as data: rows of cells from .csv, .tsv, .jsonl and .parquet, read in place."""
