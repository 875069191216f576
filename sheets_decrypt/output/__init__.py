"""CSV text, a CSV that was downloaded, and delivery: only what changed, never a shrunken CSV.

May touch: the file to decrypt, and the vault through its interface.
"""
