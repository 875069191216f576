"""Tables that lie on this computer: what the file is, and its rows, page by page.

May touch: the file that is read. Nothing is written, and no copy is made.
"""
