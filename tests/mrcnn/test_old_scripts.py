"""Scripts as people write them for the original, from made data over training and checkpoints to what is drawn."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest
from tiny_training import run_eagerly

from common.errors import EXIT_OK, EXIT_USAGE
from mrcnn.cli import main
from mrcnn.model import MaskRCNN

SCRIPTS = Path(__file__).parent / "old_scripts"


def coins(folder: Path, count: int, regions_as_list: bool) -> None:
    """Write pictures of discs and their outlines as the VGG Image Annotator saves them, 1.x (dict) or 2.x (list)."""
    dice = np.random.default_rng(count)
    folder.mkdir(parents=True)
    listed = {}
    for number in range(count):
        picture = dice.integers(60, 120, (96, 128, 3), dtype=np.uint8)
        angles, regions = np.linspace(0, 2 * np.pi, 16, endpoint=False), []
        for centre in ((40, 40), (90, 60)):
            outline = (np.array(centre) + 20 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(int)
            cv2.fillPoly(picture, [outline], (250, 200, 40))
            shape = {"name": "polygon", "all_points_x": outline[:, 0].tolist(), "all_points_y": outline[:, 1].tolist()}
            regions.append({"shape_attributes": shape, "region_attributes": {}})
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        kept = regions if regions_as_list else {str(place): region for place, region in enumerate(regions)}
        listed[f"{number}.png1"] = {"filename": f"{number}.png", "size": 1, "regions": kept}
    listed["empty"] = {"filename": "0.png", "size": 1, "regions": [] if regions_as_list else {}}
    (folder / "via_region_data.json").write_text(json.dumps(listed))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Run a script in an empty folder and return what it printed."""
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")

    def run(script: str, *arguments: object) -> str:
        assert main([str(SCRIPTS / script), *(str(argument) for argument in arguments)]) == EXIT_OK
        return capsys.readouterr().out

    return run


@pytest.fixture
def first_stage_compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What comes after the first stage of a training runs step by step: one step does not repay its compilation."""
    usual = MaskRCNN.train

    def train(*arguments: Any, **more: Any) -> Any:
        history = usual(*arguments, **more)
        run_eagerly(True)
        return history

    monkeypatch.setattr(MaskRCNN, "train", train)
    yield
    run_eagerly(False)


@pytest.mark.usefixtures("first_stage_compiled")
def test_a_data_set_of_outlines_is_learned_and_its_picture_splashed(run: Callable[..., str], tmp_path: Path) -> None:
    for subset, count in (("train", 3), ("val", 1)):
        coins(tmp_path / "coins" / subset, count, regions_as_list=subset == "val")
    logs = tmp_path / "logs"
    printed = run("coins.py", "train", "--dataset", tmp_path / "coins", "--logs", logs)
    assert "NAME                           coins\n" in printed
    assert [path.name for path in sorted(logs.glob("coins*/*.h5"))] == [f"mask_rcnn_coins_000{n}.h5" for n in (1, 2)]
    arguments = ("splash", "--image", tmp_path / "coins" / "val" / "0.png", "--logs", logs)
    assert "Processing 1 images\nmolded_images" in run("coins.py", *arguments)
    assert cv2.imread(str(tmp_path / "splash.png")).shape == (96, 128, 3)


@pytest.mark.slow
def test_shapes_drawn_on_the_fly_go_through_a_notebooks_cells(run: Callable[..., str], tmp_path: Path) -> None:
    printed = run("shapes_cells.py")
    assert "gt_mask                    shape: (64, 64, " in printed
    assert "mAP: " in printed
    assert (tmp_path / "instances.png").stat().st_size > 1000


def test_a_script_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture) -> None:
    assert main(["nowhere.py"]) == EXIT_USAGE
    assert capsys.readouterr().err == "error: nowhere.py: no such script\n"
