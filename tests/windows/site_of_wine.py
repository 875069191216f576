"""Remove what Python must not use under wine 8, which lacks it. Copied into the prefix as `sitecustomize`."""

import _winapi

if hasattr(_winapi, "CopyFile2"):
    del _winapi.CopyFile2  # then shutil.copyfile copies by reading and writing
