"""The story of a run, from a Sheet or from a file: what happens in which order, and what stays beside its output.

It asks the rooms below for everything, and touches no file, network or secret itself. Each story is one function.
"""
