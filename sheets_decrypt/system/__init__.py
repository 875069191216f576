"""What this computer gives to every room: files that are opened and written safely, programs, folders, the console.

May touch: the file system, other programs and the console, each as its caller asks.
"""
