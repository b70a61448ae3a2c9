"""RESIDE OTS (Li et al. 2019): outdoor haze, named by airlight and scattering coefficient."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

OTS = PublishedSet(
    name="reside-ots",
    dataset="RESIDE-OTS",
    effect="haze",
    license=NOT_STATED,
    origin="synthesis_2d",
    tree="any folders of ID_AIRLIGHT_BETA.jpg, and clear/ or clear_images/ with ID.jpg",
    group="OTS/{key}",
    skip=("ITS", "SOTS", "HSTS"),
    parts=(
        part(
            "train",
            (r"(?P<id>\d{4})_(?P<airlight>[\d.]+)_(?P<beta>[\d.]+)", r"clear(?:_images)?/(?P<id>\d{4})"),
            split="train",
            inputs=(72_135, 313_950),
            targets=(2_061,),
        ),
    ),
)
