"""Output files: their text, and their delivery; an unchanged file is not written, and a shrunken CSV is refused.

May touch: the vault, through its interface.
"""
