"""ISTD (Wang et al. 2018) and ISTD+ (Le and Samaras 2019): A shadow, B mask, C free; ISTD+ mends C's colours."""

from aggregate.importers.base import Part, PublishedSet, part

SHOT = r"(?P<scene>\d+)-(?P<shot>\d+)"


def _set(name: str, dataset: str, tree: str, *targets: str) -> PublishedSet:
    def of(split: str, count: int) -> Part:
        layouts = [(f"{split}_A/{SHOT}", f"{t.format(split=split)}/{SHOT}", f"{split}_B/{SHOT}") for t in targets]
        return part(split, *layouts, split=split, inputs=(count,), targets=(count,))

    return PublishedSet(
        name=name,
        dataset=dataset,
        effect="shadow",
        license="LicenseRef-ISTD-research-non-commercial",
        tree=tree,
        # Scenes are the same in both sets: shots of one scene, of either, stay on one side of a split.
        group="ISTD/{head}",
        parts=(of("train", 1330), of("test", 540)),
    )


ISTD = _set("istd", "ISTD", "{train,test}/{train,test}_{A,B,C}/SCENE-SHOT.png", "{split}_C")
ISTD_PLUS = _set(
    "istd+",
    "ISTD+",
    "ISTD's {train,test}_{A,B}/ with train_C_fixed_ours/ and test_C_fixed_official/ for C",
    "{split}_C_fixed(?:_ours|_official)?",
    "{split}_C",
)
