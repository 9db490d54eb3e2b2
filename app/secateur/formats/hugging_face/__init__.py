"""Hugging Face folders: `folder` finds their parts, `network` builds the network, `reading` puts it together."""
