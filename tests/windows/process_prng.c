/* wine 8 has no bcryptprimitives.dll. Its one documented function, ProcessPrng, fills a buffer with random bytes. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
    return RtlGenRandom(buffer, (ULONG)length);
}
