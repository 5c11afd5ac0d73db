"""The newsroom: invented items in the real shape of each declared office, served on loopback.

In: `offices/<source id>/` (routes, templates, items), `scenes/<n>.yaml` (what changes) and a `state.json` (when).
Out: for a host and a target, an Answer. It never reaches the network and declares no sources of its own.
"""
