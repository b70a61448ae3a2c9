"""RESIDE HSTS (Li et al. 2019): ten synthetic test pairs; its real-world pictures have no partner."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

HSTS = PublishedSet(
    name="hsts",
    dataset="HSTS",
    effect="haze",
    license=NOT_STATED,
    origin="synthesis_2d",
    tree="HSTS/synthetic/{synthetic,original}/ with equal names",
    parts=(
        part(
            "test",
            (r"synthetic/(?P<id>[^/]+)", r"original/(?P<id>[^/]+)"),
            split="test",
            inputs=(10,),
            targets=(10,),
        ),
    ),
)
