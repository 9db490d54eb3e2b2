"""Text as data: what a `tokenizer.json` makes of it, and which port of a network is fed which part."""
