"""RESIDE ITS (Li et al. 2019): indoor haze, ten variants a clean picture; both sizes that circulate."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

HAZY, CLEAR = r"(?P<id>\d+)_(?P<k>\d+)_(?P<value>[\d.]+)", r"(?P<id>\d+)"

ITS = PublishedSet(
    name="reside-its",
    dataset="RESIDE-ITS",
    effect="haze",
    license=NOT_STATED,
    origin="synthesis_2d",
    tree="{hazy,clear}/, or {train,val}/{haze,clear}/, with hazy ID_K_VALUE.png and clear ID.png",
    group="ITS/{key}",
    skip=("OTS", "OTS_BETA", "OTS_ALPHA", "SOTS", "HSTS"),
    parts=(
        part(
            "train",
            (f"hazy/{HAZY}", f"(?<!val/)clear/{CLEAR}"),
            (f"train/haze/{HAZY}", f"train/clear/{CLEAR}"),
            split="train",
            inputs=(13_990, 110_000),
            targets=(1_399, 11_000),
        ),
        part("val", (f"val/haze/{HAZY}", f"val/clear/{CLEAR}"), split="val"),
    ),
)
