"""torch.export programs (`.pt2`) read by our own reader: JSON and raw tensors, no unpickling, no torch loader.

Torch's loader evaluates the symbolic sizes that a file spells out and imports what its tree specifications name.
Here a program is data: `archive` finds its parts, `values` reads arguments, `graph` builds the network, `layers`
makes ordinary torch layers of the operators that are one, `reading` puts it all together.
"""
