"""Send a run to OpenCue, one frame a part: python farm/opencue.py (needs OpenCue's pyoutline)."""

import shlex

from outline import Outline, cuerun
from outline.modules.shell import Shell

PARTS = 64
COMMAND = (
    "uniser haze render --source /shared/photos --variants 24 --seed 7 --out /shared/pairs/haze "
    f"--shard #IFRAME#/{PARTS}"
)

job = Outline("uniser-haze")
job.add_layer(Shell("render", command=shlex.split(COMMAND), range=f"0-{PARTS - 1}", chunk=1, threads=4))
cuerun.launch(job, use_pycuerun=False)
