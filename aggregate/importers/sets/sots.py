"""RESIDE SOTS (Li et al. 2019): the two test sets. Indoor targets may have a border of 10 pixels more, cut off here."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

HAZY = r"hazy/(?P<id>\d{4})_"
CLEAR = r"(?:gt|clear)/(?P<id>\d{4})"
OTHERS = ("ITS", "OTS", "OTS_BETA", "OTS_ALPHA", "HSTS")

SOTS_INDOOR = PublishedSet(
    name="sots-indoor",
    dataset="SOTS-indoor",
    effect="haze",
    license=NOT_STATED,
    origin="synthesis_2d",
    tree="SOTS/indoor/{hazy,gt}/ with hazy ID_NO.png and clear ID.png",
    centre_crop=True,
    skip=("outdoor", *OTHERS),
    parts=(
        part(
            "test",
            (HAZY + r"(?P<no>\d+)", CLEAR),
            split="test",
            inputs=(500,),
            targets=(50,),
            numbers=range(1400, 1450),
        ),
    ),
)
SOTS_OUTDOOR = PublishedSet(
    name="sots-outdoor",
    dataset="SOTS-outdoor",
    effect="haze",
    license=NOT_STATED,
    origin="synthesis_2d",
    tree="SOTS/outdoor/{hazy,gt}/ with hazy ID_AIRLIGHT_BETA.jpg and clear ID.png",
    skip=("indoor", *OTHERS),
    parts=(
        part(
            "test",
            (HAZY + r"(?P<airlight>[\d.]+)_(?P<beta>[\d.]+)", CLEAR),
            split="test",
            inputs=(500,),
            targets=(492,),
        ),
    ),
)
