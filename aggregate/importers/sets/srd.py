"""SRD (Qu et al. 2017): shadow pairs, with the two ways of naming free pictures and the renamed copies."""

from aggregate.importers.base import NOT_STATED, PublishedSet, part

# ISTD lies in folders of the same names, but calls its pictures SCENE-SHOT.
NAME = r"(?P<id>(?!\d+-\d+$)[^/]+"
ID, FREE = f"{NAME})", f"{NAME}?)(?:_no_shadow|_free)?"

SRD = PublishedSet(
    name="srd",
    dataset="SRD",
    effect="shadow",
    license=NOT_STATED,
    tree="{train,test}/{shadow,shadow_free}/, or {train,test}_{A,C}/",
    align=True,
    parts=(
        part(
            "train",
            (rf"train/shadow/{ID}", rf"train/shadow_free/{FREE}"),
            (rf"(?<!test/)train_A/{ID}", rf"(?<!test/)train_C/{FREE}", rf"(?<!test/)train_B/{ID}"),
            (rf"trainA/{ID}", rf"trainB/{FREE}"),
            split="train",
            inputs=(2680,),
            targets=(2680,),
        ),
        part(
            "test",
            (rf"test/shadow/{ID}", rf"test/shadow_free/{FREE}"),
            (rf"test_A/{ID}", rf"test_C/{FREE}", rf"(?:test_B|SRD_testmask)/{ID}"),
            (rf"test/train_A/{ID}", rf"test/train_C/{FREE}", rf"test/train_B/{ID}"),
            (rf"testA/{ID}", rf"testB/{FREE}"),
            split="test",
            inputs=(408,),
            targets=(408,),
        ),
    ),
)
