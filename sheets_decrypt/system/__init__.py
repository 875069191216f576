"""Services of this computer for every room: safe reading and writing of files, programs, folders, the console.

May touch: the file system, other programs and the console, each as its caller asks.
"""
