"""HazeSpace2M (Islam et al. 2024): four kinds of scene, haze types at ten levels; alignment tells a wrong partner."""

from aggregate.importers.base import PublishedSet, part

OLD_TYPE = r"(?P<variant>[A-Z]+?)L(?P<level>\d+)"

HAZESPACE2M = PublishedSet(
    name="hazespace2m",
    dataset="HazeSpace2M",
    effect="haze",
    license="CC-BY-4.0",
    origin="synthesis_2d",
    tree="{Outdoor,Street,Farmland,Satellite}/{GT,Haze/TYPE}/ with GT OT_ID and haze OT_ID_LLEVEL",
    group="HazeSpace2M/{key}",
    align=True,
    parts=(
        part(
            "all",
            (
                r"(?P<variant>[^/]+)/(?P<scene>OT|ST|FL|SL)_(?P<id>\d+)_L(?P<level>\d+)",
                r"GT/(?P<scene>OT|ST|FL|SL)_(?P<id>\d+)",
            ),
            (rf"(?P<scene>OOTS|ST|FL|SL){OLD_TYPE}_(?P<id>\d+)", r"(?P<scene>OOTS|ST|FL|SL)GT__?(?P<id>\d+)"),
            targets=(130_193,),
        ),
    ),
)
