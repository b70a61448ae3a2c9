"""What is fuzzed, without importing it: that happens under instrumentation."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """`modules` are traced, `seeds` (`tests.fuzz.seeds`) begun with; the first byte chooses of `choices` readers."""

    what: str
    modules: tuple[str, ...]
    seeds: tuple[str, ...]
    choices: int = 0


# The harness itself is tried on this one.
HARM = Target("a reader with a bug", ("uniser_core.decode_checks",), ("png",))
TARGETS = {
    "png": Target(
        "the PNG reader, against OpenCV and its own writer; chunk walkers",
        ("uniser_core.png", "uniser_core.png_jit", "uniser_core.decode_checks"), ("png",),
    ),
    "headers": Target(
        "headers of EXR, TIFF, JPEG XL, JPEG, Radiance, PFM and NumPy files; ICC profiles",
        ("uniser_core.decode_checks", "uniser_core.decode_deep", "uniser_core.decode_depth", "uniser_core.exr_header",
         "uniser_core.icc", "uniser_core.tiff"),
        ("exr", "tiff", "jxl", "other", "npy", "jpeg", "icc"),
    ),
    "yaml": Target(
        "recipes, presets, lenses and scene settings",
        ("aggregate.recipe", "halo_render.optics.lens", "halo_render.user_scene", "syn_haze.presets",
         "uniser_core.documents", "yaml"),
        ("yaml", "lens"), choices=5,
    ),
    "texts": Target(
        "parameters of rows, tables of pairs, globs, names in tars",
        ("aggregate.importers", "aggregate.rules", "uniser_core.documents", "uniser_core.effect", "uniser_core.pair",
         "uniser_core.sources", "json"),
        ("params", "csv", "globs"), choices=18,
    ),
    "archives": Target(
        "tars and zips, listed and read in place",
        ("aggregate.importers.tree", "uniser_core.sources", "tarfile", "zipfile"), ("tar", "zip"),
    ),
    "blobs": Target(
        "Parquet footers and pages, walked for the byte ranges of blobs",
        ("uniser_core.parquet_blobs", "uniser_core.parquet_footer"), ("parquet_pages",),
    ),
}  # fmt: skip
