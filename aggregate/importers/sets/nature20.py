"""Nature (Li et al. 2020, IBCLN): 20 test and 200 training reflection pairs, equal names."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

ID = r"(?P<id>[^/]+)"

NATURE20 = PublishedSet(
    name="nature20",
    dataset="Nature20",
    effect="reflection",
    license=NOT_STATED,
    tree="nature20/{blended,transmission_layer}/ with equal names, and train/nature/ likewise",
    parts=(
        part(
            "test",
            (
                rf"(?<!train/)(?:nature|nature20)/blended/{ID}",
                rf"(?<!train/)(?:nature|nature20)/transmission_layer/{ID}",
            ),
            (rf"testB/{ID}", rf"testA1/{ID}"),
            split="test",
            inputs=(20,),
            targets=(20,),
        ),
        part(
            "train",
            (rf"train/nature/blended/{ID}", rf"train/nature/transmission_layer/{ID}"),
            (rf"natural_I/{ID}", rf"natural_T/{ID}"),
            split="train",
            inputs=(200,),
            targets=(200,),
        ),
    ),
)
