"""SIR2 (Wan et al. 2017) in its three layouts: m mixture, g background, r reflection, a dash-separated tag."""

from aggregate.importers.base import NOT_STATED, Part, PublishedSet, part

# The tag is a whole token, at any place: ab-10-m-3, 1-Focus-11-m, m.
MIXTURE, BACKGROUND = (rf"(?P<before>(?:[^/]*-)?){tag}(?P<after>(?:-[^/]*)?)" for tag in "mg")
FOLDERS = r"(?P<folder>(?:[^/]+/)*)"


def _part(name: str, pack: str, original: str, counts: tuple[int, ...]) -> Part:
    return part(
        name,
        (rf"{pack}/blended/{MIXTURE}", rf"{pack}/transmission_layer/{BACKGROUND}"),
        (rf"{pack}/blended/(?P<id>[^/]+)", rf"{pack}/transmission_layer/(?P<id>[^/]+)"),
        (rf"{original}/{FOLDERS}{MIXTURE}", rf"{original}/{FOLDERS}{BACKGROUND}"),
        split="test",
        inputs=counts,
        targets=counts,
        variant=name,
    )


SIR2 = PublishedSet(
    name="sir2",
    dataset="SIR2",
    effect="reflection",
    license=NOT_STATED,
    tree="{Postcard,SolidObject,Wildscene}/ with tags m and g in the names, "
    "or {Postcard,SolidObject,WildScene}Dataset/{blended,transmission_layer}/",
    group="SIR2/{part}/{head}",
    parts=(
        _part("postcard", "PostcardDataset", "Postcard", (199, 179, 200)),
        _part("solid", "SolidObjectDataset", "SolidObject", (200,)),
        _part("wild", "WildSceneDataset", "Wildscene", (55, 100, 101, 109)),
    ),
)
