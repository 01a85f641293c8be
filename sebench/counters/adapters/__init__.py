"""Other counters behind one interface: how to run each, and what it counts differently.

`observation` watches a network run, `tool` is the interface, and there is one file per tool.
"""
