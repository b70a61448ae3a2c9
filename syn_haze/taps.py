"""Reading four neighbours at once: vector loads where LLVM would make scalar ones, for four pixels together."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 4
INDEX = ir.IntType(32)


@intrinsic
def put_taps(
    typing_context: Any, values: Any, step: Any, at: Any, share: Any, weights: Any, out: Any, first: Any
) -> Any:
    """Four pixels' sums from x = first on: out[x] = sum of weights[4 x + i] * mixed[x, i], i < 4.

    mixed[x, i] lies between values[at[x] + i] and values[at[x] + step + i], the latter's share being share[x].
    `values`, `share`, `weights`, `out` contiguous float32 vectors, `at` int32 within `values`, `step` and `first`
    int64, no bounds checked; multiply-adds and the order of additions are fixed, so the bits are the same on every
    machine.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = ir.VectorType(ir.FloatType(), LANES)
        data = [
            cgutils.create_struct_proxy(kind)(context, builder, value=arg).data if hasattr(kind, "dtype") else arg
            for kind, arg in zip(signature.args, args, strict=True)
        ]
        fused = ir.FunctionType(lanes, [lanes] * 3)
        fma = cgutils.get_or_insert_function(builder.module, fused, "llvm.fma.v4f32")
        values_at, step_at, at_at, share_at, weights_at, out_at, first_at = data

        def load(base: Any, index: Any) -> Any:
            return builder.load(builder.bitcast(builder.gep(base, [index]), lanes.as_pointer()), align=4)

        def lane(number: int) -> Any:
            return ir.Constant(INDEX, number)

        def shuffle(a: Any, b: Any, order: tuple[int, ...]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INDEX, LANES), [lane(n) for n in order]))

        parts = []
        for number in range(LANES):
            x = builder.add(first_at, ir.Constant(ir.IntType(64), number))
            near = builder.sext(builder.load(builder.gep(at_at, [x])), ir.IntType(64))
            low, high = load(values_at, near), load(values_at, builder.add(near, step_at))
            one = builder.insert_element(
                ir.Constant(lanes, ir.Undefined), builder.load(builder.gep(share_at, [x])), lane(0)
            )
            mix = shuffle(one, one, (0, 0, 0, 0))
            between = builder.call(fma, [mix, builder.fsub(high, low), low])
            place = builder.mul(x, ir.Constant(ir.IntType(64), LANES))
            parts.append(builder.fmul(between, load(weights_at, place)))
        # Sums of neighbours, then sums of those: (a + b) + (c + d) of each pixel.
        first, second = (
            builder.fadd(shuffle(p, q, (0, 2, 4, 6)), shuffle(p, q, (1, 3, 5, 7))) for p, q in (parts[:2], parts[2:])
        )
        sums = builder.fadd(shuffle(first, second, (0, 2, 4, 6)), shuffle(first, second, (1, 3, 5, 7)))
        target = builder.bitcast(builder.gep(out_at, [first_at]), lanes.as_pointer())
        builder.store(sums, target, align=4)
        return context.get_dummy_value()

    signature = numba.types.void(values, numba.int64, at, share, weights, out, numba.int64)
    return signature, generate
