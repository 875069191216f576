"""Calls to Windows about accounts and access control lists, and nothing else; the rules are in `access`."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover  (only Windows can answer)
    import ctypes
    import msvcrt
    from collections.abc import Iterator
    from contextlib import contextmanager
    from ctypes import wintypes
    from typing import Final

    _REVISION: Final = 1  # of the Security Descriptor Definition Language
    _OWNER_AND_LIST: Final = 0x1 | 0x4  # OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION
    _FILE: Final = 1  # SE_FILE_OBJECT
    _TOKEN_QUERY: Final = 0x8
    _TOKEN_USER: Final = 1
    _WRITE: Final = 0x4000_0000  # GENERIC_WRITE
    _SHARE_ALL: Final = 7  # as Python opens files
    _CREATE_NEW: Final = 1
    _INVALID: Final = ctypes.c_void_p(-1).value
    _LENGTH: Final = 32_768  # characters; no Windows path is longer

    _kernel: Final = ctypes.WinDLL("kernel32", use_last_error=True)
    _advapi: Final = ctypes.WinDLL("advapi32", use_last_error=True)
    _kernel.LocalFree.argtypes = [ctypes.c_void_p]
    _kernel.GetCurrentProcess.restype = wintypes.HANDLE
    _kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    _kernel.CreateFileW.restype = ctypes.c_void_p
    _advapi.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p]
    _advapi.GetTokenInformation.argtypes = [
        wintypes.HANDLE,
        ctypes.c_int,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.c_void_p,
    ]
    _advapi.ConvertSidToStringSidW.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    _advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = [
        ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip

    class _Attributes(ctypes.Structure):
        """SECURITY_ATTRIBUTES."""

        _fields_ = (("length", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherit", wintypes.BOOL))

    def file_system(path: Path) -> str:
        """Return the name of the file system that a path is on; blank if Windows does not say."""
        root, name = ctypes.create_unicode_buffer(_LENGTH), ctypes.create_unicode_buffer(_LENGTH)
        if not _kernel.GetVolumePathNameW(ctypes.c_wchar_p(os.path.realpath(path)), root, _LENGTH):
            return ""
        done = _kernel.GetVolumeInformationW(root, None, 0, None, None, None, name, _LENGTH)
        return name.value if done else ""

    def my_account() -> str:
        """Return this user's account, `S-1-…`."""
        token, size = wintypes.HANDLE(), wintypes.DWORD()
        _require(_advapi.OpenProcessToken(_kernel.GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token)))
        try:
            _advapi.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(size))
            user = ctypes.create_string_buffer(size.value)
            _require(_advapi.GetTokenInformation(token, _TOKEN_USER, user, size, ctypes.byref(size)))
        finally:
            _kernel.CloseHandle(token)
        return _text_of(ctypes.c_void_p.from_buffer(user))  # TOKEN_USER begins with a pointer to the account

    def account(name: str) -> str:
        """Return an account as `S-1-…`; a descriptor abbreviates some, such as `WD` for everyone."""
        sid = ctypes.c_void_p()
        _require(_advapi.ConvertStringSidToSidW(ctypes.c_wchar_p(name), ctypes.byref(sid)))
        try:
            return _text_of(sid)
        finally:
            _kernel.LocalFree(sid)

    def descriptor(path: Path) -> str:
        """Return a file's owner and ACL, in the Security Descriptor Definition Language."""
        raw, text = ctypes.c_void_p(), ctypes.c_void_p()
        code = _advapi.GetNamedSecurityInfoW(
            ctypes.c_wchar_p(str(path)), _FILE, _OWNER_AND_LIST, None, None, None, None, ctypes.byref(raw)
        )
        if code:
            raise ctypes.WinError(code)
        try:
            _require(
                _advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW(
                    raw, _REVISION, _OWNER_AND_LIST, ctypes.byref(text), None
                )
            )
            return _taken(text)
        finally:
            _kernel.LocalFree(raw)

    def create_private(path: Path) -> int:
        """Create a file whose ACL names only this user from the start; return its descriptor, for writing.

        Raises:
            FileExistsError: It already exists.
            OSError: It cannot be created.
        """
        with _owner_alone() as attributes:
            handle = _kernel.CreateFileW(
                ctypes.c_wchar_p(str(path)), _WRITE, _SHARE_ALL, ctypes.byref(attributes), _CREATE_NEW, 0x80, None
            )
        if handle in {None, _INVALID}:
            error = ctypes.WinError(ctypes.get_last_error())
            raise OSError(error.errno, error.strerror, str(path), error.winerror)
        return msvcrt.open_osfhandle(handle, os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT)

    @contextmanager
    def _owner_alone() -> Iterator[_Attributes]:
        raw = ctypes.c_void_p()
        text = f"D:P(A;;FA;;;{my_account()})"  # P: nothing is inherited from the folder
        _require(
            _advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW(
                ctypes.c_wchar_p(text), _REVISION, ctypes.byref(raw), None
            )
        )
        try:
            yield _Attributes(ctypes.sizeof(_Attributes), raw.value, False)
        finally:
            _kernel.LocalFree(raw)

    def _text_of(sid: ctypes.c_void_p) -> str:
        text = ctypes.c_void_p()
        _require(_advapi.ConvertSidToStringSidW(sid, ctypes.byref(text)))
        return _taken(text)

    def _taken(text: ctypes.c_void_p) -> str:
        try:
            return ctypes.wstring_at(text.value)
        finally:
            _kernel.LocalFree(text)

    def _require(done: int) -> None:
        if not done:
            raise ctypes.WinError(ctypes.get_last_error())

else:

    def file_system(path: Path) -> str:  # noqa: ARG001  (the signature on Windows)
        """Return nothing: this is not Windows."""
        return ""

    def my_account() -> str:
        """Return nothing: this is not Windows."""
        return ""

    def account(name: str) -> str:
        """Return the name itself: this is not Windows."""
        return name

    def descriptor(path: Path) -> str:  # noqa: ARG001  (the signature on Windows)
        """Return nothing: this is not Windows."""
        return ""

    def create_private(path: Path) -> int:
        """Create a file with mode 0600; return its descriptor, for writing."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
