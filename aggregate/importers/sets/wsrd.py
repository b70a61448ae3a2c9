"""WSRD (NTIRE 2023) and WSRD+ (NTIRE 2024, aligned anew): shadow pairs, equal names in separate zips."""

from aggregate.importers.base import PublishedSet, part

ID = r"(?P<id>[^/]+)"


def _set(name: str, dataset: str, zips: str, shown: str) -> PublishedSet:
    def layouts(split: str) -> list[tuple[str, str]]:
        loaders = [(f"{split}/{i}/{ID}", f"{split}/{t}/{ID}") for i, t in (("input", "gt"), ("train_A", "train_C"))]
        return [(f"{zips}_{split}_inp/(?:.+/)?{ID}", f"{zips}_{split}_gt/(?:.+/)?{ID}"), *loaders]

    return PublishedSet(
        name=name,
        dataset=dataset,
        effect="shadow",
        license="CC-BY-NC-SA-4.0",
        tree=f"{shown}_{{inp,gt}}.zip, or {{train,val}}/{{input,gt}}/",
        align=True,
        # Both sets show the same scenes.
        group="WSRD/{part}/{key}",
        parts=(
            part("train", *layouts("train"), split="train", inputs=(1000,), targets=(1000,)),
            part("val", *layouts("(?:valid|val)"), split="val", inputs=(100,), targets=(100,)),
        ),
    )


WSRD = _set("wsrd", "WSRD", "ntire23_sr", "NTIRE23_sr_{train,val}")
WSRD_PLUS = _set("wsrd+", "WSRD+", "ntire24_shrem", "ntire24_shrem_{train,valid}")
