"""FlareX: rendered pairs (Flare3D), and flare templates (Flare2D) for `--background`, one lamp a picture."""

from aggregate.importers.base import NOT_STATED, part
from aggregate.importers.flare_layers import FlareSet, LayerKind
from aggregate.importers.matching import Layout

# File names are not published: partners share what is left of a name without the word for its role.
WORDLESS = r"(?:(?!flare|light)[^/])*"
NAME = rf"(?P<before>{WORDLESS}?)(?:[_-]?(?:flare|light)(?:_?(?:img|source))?)?(?P<after>{WORDLESS})"

FLAREX = FlareSet(
    name="flarex",
    dataset="FlareX",
    effect="flare",
    license=NOT_STATED,
    prompt="Remove lens flare.",
    tree="Flare3D/{Flare_Img,Light_Img}/; for --background Flare2D/{Compound_Flare,Light_Source}/",
    parts=(
        part(
            "flare3d",
            (f"Flare3D/Flare_Img/{NAME}", f"Flare3D/Light_Img/{NAME}"),
            split="train",
            inputs=(3000,),
            targets=(3000,),
            origin="render_3d",
        ),
    ),
    layers=(
        LayerKind(
            "flare2d",
            Layout(f"Flare2D/Compound_Flare/{NAME}", f"Flare2D/Light_Source/{NAME}"),
            turns=False,
            blurs_lamp=True,
        ),
    ),
)
