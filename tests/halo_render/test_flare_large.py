"""A flare at 3840 x 2160 in a process of its own: what it needs of memory."""

import subprocess
import sys

import pytest

from tests.cli import ROOT, environment

SCRIPT = """
import resource
import cv2
import numpy as np
from halo_render.flare import Flare
from halo_render.flare_params import FlareParams, Glare, Streak
from tests.halo_render.flare_frames import scene
from uniser_core.frame import Frame
small = scene()
rgb = cv2.resize(small.rgb_HWC, (3840, 2160), interpolation=cv2.INTER_NEAREST)
channels = {**small.channels, "rgb": lambda: rgb}
channels.pop("light_groups")
frame = Frame("large", 3840, 2160, channels, kind="render")
params = FlareParams(variant="glare", kinds=("glare", "streak"), glare=Glare(scratch_density_per_mm2=0.05), f_number=16,
                     streaks=(Streak(kind="anamorphic", share=0.02),), wavelengths=25)
layers = Flare().apply(frame, params)
assert np.isfinite(layers.degraded).all() and layers.additive.min() >= 0
assert np.abs(rgb + layers.additive - layers.degraded).max() <= 1e-6 * layers.degraded.max()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.mark.slow
def test_a_4k_flare_stays_below_four_gigabytes():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 4.0
