"""How inner loops are compiled, the same way everywhere: cached on disk, without the interpreter's lock.

Division by zero gives inf or NaN, as in NumPy: the check for it that numba adds otherwise keeps loops from becoming
vector code.
"""

from __future__ import annotations

import numba

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined = numba.njit(nogil=True, forceinline=True, error_model="numpy")
