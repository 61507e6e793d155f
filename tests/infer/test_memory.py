"""Memory does not grow with the clip (row I20): a long clip needs what a short one does."""

import subprocess
import sys
from pathlib import Path

import pytest
from media import ClipSpec, Sound, make
from seen import names

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from seen import BOX, Steady
from common.cli import run
from infer.pipeline import hide_video
from infer.settings import HideSettings

steady = Steady(lambda number: [] if number % 7 == 3 else [BOX, (5.0, 40.0, 25.0, 60.0)])
report = hide_video(Path(sys.argv[1]), Path(sys.argv[2]), HideSettings(), detector=steady)
# The process's own peak: getrusage would count what the parent held when it forked.
print(report.totals.frames, Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def peak(clip, out):
    words = [sys.executable, "-c", SCRIPT, str(clip), str(out)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    frames, memory = map(int, done.stdout.split())
    return frames, memory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_clip_three_times_as_long_needs_no_more(tmp_path):
    (tmp_path / "out").mkdir()
    measured = {}
    for frames in (1300, 4000):  # both longer than the window in which frames are linked
        spec = ClipSpec(name=f"{frames}.mp4", size=(96, 160), frames=frames, sounds=(Sound(),), options={"g": "50"})
        clip = make(spec, tmp_path)
        count, measured[frames] = peak(clip, tmp_path / "out" / clip.name)
        assert count == frames
    assert measured[4000] < 1.1 * measured[1300], measured
    assert not [name for name in names(tmp_path / "out") if name.startswith(".")]
