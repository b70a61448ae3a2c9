"""Reading four neighbours at once: one vector load where LLVM would make four scalar ones."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 4


@intrinsic
def four_taps(typing_context: Any, values: Any, near: Any, far: Any, share: Any, weights: Any, at: Any) -> Any:
    """Sum over i < 4 of weights[at + i] * lerp(values[near + i], values[far + i], share): float32.

    `values`, `weights` contiguous float32 vectors, indices int64 within them, no bounds checked; the order of
    additions is fixed, so the bits are the same on every machine.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = ir.VectorType(ir.FloatType(), LANES)

        def load(array_type: Any, array: Any, index: Any) -> Any:
            data = cgutils.create_struct_proxy(array_type)(context, builder, value=array).data
            place = builder.bitcast(builder.gep(data, [index]), lanes.as_pointer())
            return builder.load(place, align=4)

        value_type, weight_type = signature.args[0], signature.args[4]
        low, high = load(value_type, args[0], args[1]), load(value_type, args[0], args[2])
        mix = ir.Constant(lanes, ir.Undefined)
        for lane in range(LANES):
            mix = builder.insert_element(mix, args[3], ir.Constant(ir.IntType(32), lane))
        between = builder.fadd(low, builder.fmul(mix, builder.fsub(high, low)))
        parts = builder.fmul(between, load(weight_type, args[4], args[5]))
        a, b, c, d = (builder.extract_element(parts, ir.Constant(ir.IntType(32), lane)) for lane in range(LANES))
        return builder.fadd(builder.fadd(a, b), builder.fadd(c, d))

    signature = numba.types.float32(values, numba.int64, numba.int64, numba.float32, weights, numba.int64)
    return signature, generate
