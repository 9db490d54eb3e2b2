"""Netron inside the window: its own page on a model without weights, with the selection tied to the layer table.

Netron 9.3.3 is pinned because its page's internals are used; what must be minded with them is written where it is
done: `document` (its age lock, its consent page), `served` (one handler a model), `access` (what the page may load),
`web` (the page in the window) and `resources/netron/bridge.js` (its selection).
"""
