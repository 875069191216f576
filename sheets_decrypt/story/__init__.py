"""The steps of a run in order, from a Sheet or a file, and the files that a run keeps beside its output.

The packages below do all the work; nothing here touches a file, the network or a secret. Each run is one function.
"""
