"""A stand-in for Google on this machine, for the commands `demo` and `sandbox` and for the tests.

It is in the package because the demonstration is the whole job over TLS. Only `cli` imports it; a pull never does. It
may touch this machine's network and the folder that it is given.
"""
