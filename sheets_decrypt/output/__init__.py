"""CSV text, and delivery: only what changed, never a shrunken CSV.

May touch: the vault through its interface.
"""
