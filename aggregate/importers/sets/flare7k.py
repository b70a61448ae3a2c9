"""Flare7K and Flare7K++ (Dai et al. 2022, 2023): 200 test pairs, and layers for `--background`."""

from aggregate.importers.base import part
from aggregate.importers.flare_layers import FlareSet, LayerKind
from aggregate.importers.matching import Layout

TERMS = "LicenseRef-S-Lab-1.0"
NUMBER = r"(?:[^/]*_)?(?P<id>\d+)"
TEST = tuple(
    part(
        f"test-{kind}",
        tuple(rf"test_data/{kind}/{role}/{name}_(?P<id>\d+)"
              for role, name in (("input", "input"), ("gt", "gt"), ("mask", "mask"))),
        split="test", inputs=(100,), targets=(100,), origin=origin,
    )
    for kind, origin in (("real", "photo"), ("synthetic", "synthesis_2d"))
)  # fmt: skip
SCATTERING = Layout(f"Scattering_Flare/Compound_Flare/{NUMBER}", f"Scattering_Flare/Light_Source/{NUMBER}")
REAL = Layout(f"Flare-R/Compound_Flare/{NUMBER}", f"Flare-R/Light_Source/{NUMBER}")
REFLECTIVE = f"Reflective_Flare/{NUMBER}"

FLARE7K = FlareSet(
    name="flare7k",
    dataset="Flare7K",
    effect="flare",
    license=TERMS,
    prompt="Remove lens flare.",
    tree="test_data/{real,synthetic}/{input,gt,mask}/; for --background {Scattering_Flare,Reflective_Flare}/",
    parts=TEST,
    layers=(LayerKind("flare7k", SCATTERING, lit=False, extra=REFLECTIVE, gain=(0.8, 3.0), offset=(-0.02, 0.02)),),
)
FLARE7KPP = FlareSet(
    name="flare7k++",
    dataset="Flare7K++",
    effect="flare",
    license=TERMS,
    prompt="Remove lens flare.",
    tree="Flare7K's folders; for --background also Flare-R/ and the {Compound_Flare,Light_Source}/ of each",
    parts=TEST,
    layers=(LayerKind("flare7k", SCATTERING, extra=REFLECTIVE), LayerKind("flare-r", REAL)),
)
