"""Tables in local files: the kind of a file, and its rows, page by page.

May touch: the file that it reads. Writes nothing, and makes no copy.
"""
