"""RESIDE-6K and the other repacks of one layout: equal names in GT and hazy."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

RESIDE_6K = PublishedSet(
    name="reside-6k",
    dataset="RESIDE-6K",
    effect="haze",
    license=NOT_STATED,
    origin="synthesis_2d",
    tree="{train,test}/{GT,hazy}/ with equal names",
    parts=tuple(
        part(
            split,
            (rf"{split}/hazy/(?P<id>[^/]+)", rf"{split}/GT/(?P<id>[^/]+)"),
            split=split,
            inputs=(count,),
            targets=(count,),
        )
        for split, count in (("train", 6000), ("test", 1000))
    ),
)
