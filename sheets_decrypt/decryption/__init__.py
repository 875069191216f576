"""Pages of tokens → pages of values, counts, a verdict and warnings.

Pure: no file, network or clock access; only the pool (`pool`, `pool_worker`) starts processes.
"""
