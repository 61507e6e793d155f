import numpy as np
import pytest
from pictures_for_tests import frame_of, noise_picture, objects_of

from common.planes import Planes
from infer.effects import Renderer, open_effect
from infer.effects.canvas import Canvas
from infer.effects.inpaint import inpainted
from infer.effects.patch import Patch
from infer.effects.plates import SAMPLES, CutFinder, SceneSamples

SIZE = (96, 160)
NONE = objects_of([])


def scenery(name="yuv420p", seed=0):
    """A smooth, colourful background."""
    picture = noise_picture(name, SIZE, seed)
    planes = Planes.of(picture)
    for number, view in enumerate(planes.channels):
        y, x = np.indices(view.shape)
        wave = 0.5 + 0.3 * np.sin(x / 9 + seed) * np.cos(y / 7 + number)
        view[:] = (wave * ((1 << planes.layout.depth) - 1)).astype(view.dtype) << planes.layout.shift
    return picture


def with_object(picture, box):
    """The same picture with a bright object in it."""
    out = picture.reformat(format=picture.format.name)
    from common.planes import copy_picture

    out = copy_picture(picture)
    planes = Planes.of(out)
    for view, layout in zip(planes.channels, planes.layout.channels, strict=True):
        x1, y1, x2, y2 = box
        part = view[y1 // layout.rows : -(-y2 // layout.rows), x1 // layout.columns : -(-x2 // layout.columns)]
        part[:] = planes.coding.top
    return out


def walk(background, count, start=0, top=30, side=30, first=0, step=2):
    """An object that walks to the right before a still background."""
    for number in range(count):
        x = start + number * step
        box = [x, top, x + side, top + side]
        picture = with_object(background, box)
        yield frame_of(picture, index=first + number), objects_of([box], index=first + number)


def error(out, truth):
    return max(
        np.abs(a.astype(float) - b).max() / Planes.of(truth).coding.top
        for a, b in zip(Planes.of(out).channels, Planes.of(truth).channels, strict=True)
    )


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "p010le", "yuv444p10le", "nv12", "gray", "rgb24", "gbrp"])
def test_a_walking_object_vanishes_before_a_still_background(name):
    background = scenery(name)
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    clip = list(walk(background, 50))
    renderer.prepare(clip)
    for frame, objects in clip:
        assert error(renderer.render(frame, objects), background) < 0.012
    assert renderer.notes == []


def brightest(renderer, clip, index, box):
    """The largest luma within a box of a rendered frame; the object is 255, the scenery at most 205."""
    x1, y1, x2, y2 = box
    return Planes.of(renderer.render(*clip[index])).channels[0][y1:y2, x1:x2].max()


def standing(count, missed=(), away=()):
    """An object that stands still; not found in the frames `missed`, really not there in the frames `away`."""
    background, box = scenery(), [40, 30, 80, 70]
    shown = with_object(background, box)
    for index in range(count):
        boxes = [] if index in missed or index in away else [box]
        yield frame_of(background if index in away else shown, index=index), objects_of(boxes, index=index)


@pytest.mark.parametrize(
    ("count", "missed"),
    [
        (30, [7]),
        (30, [0]),
        (30, [29]),
        (30, range(7, 18)),
        (200, range(0, 200, 16)),  # just the frames that are sampled
        (200, [*range(10, 30), *range(60, 80), *range(100, 120)]),
        (100, range(30, 80)),  # so long that only a look at the object tells
        (100, range(60)),
    ],
)
def test_an_object_missed_for_a_while_does_not_get_into_the_other_frames(count, missed):
    clip = list(standing(count, missed=missed))
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    covered = [index for index in range(count) if index not in missed]
    assert max(brightest(renderer, clip, index, [40, 30, 80, 70]) for index in covered) < 225
    assert f"{len(covered)} of {len(covered)} objects had no background" in renderer.notes[0]


def test_a_plate_holds_nothing_of_what_it_is_not_sure_of():
    scene = SceneSamples(Canvas(Planes.of(scenery())))
    for frame, objects in standing(40, missed=[7, 8]):
        patches = [] if frame.index in (7, 8) else [Patch(30, 40, np.full((40, 40), 255, np.uint8), 40.0)]
        scene.add(Canvas(Planes.of(frame.picture), 0, frame.index), patches)
        assert len(objects.detections) == len(patches)
    plate = scene.plate()
    for channel, unseen in zip(plate.channels, plate.unseen, strict=True):
        assert unseen.sum() == (1600 if channel.shape == SIZE else 400)
        assert not channel[unseen].any()


@pytest.mark.parametrize("missed", [[5], [0], [20], [11, 30, 39]])
def test_a_moving_object_missed_for_a_frame_does_not_get_into_the_plate(missed):
    background = scenery()
    clip = list(walk(background, 24, step=3))
    clip += [(frame_of(background, index=index), NONE) for index in range(24, 60)]
    for index in missed:
        clip[index] = clip[index][0], NONE
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    for index in set(range(24)) - set(missed):
        assert error(renderer.render(*clip[index]), background) < 0.012
    assert renderer.notes == []


@pytest.mark.parametrize("away", [range(26), range(74, 100), range(40, 70)])
def test_the_background_of_a_quarter_of_the_scene_is_enough(away):
    clip = list(standing(100, away=away))
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    assert error(renderer.render(*clip[71 if 71 not in away else 30]), scenery()) < 0.01
    assert renderer.notes == []


def test_a_background_seen_now_and_then_in_a_long_scene_is_not_passed_over():
    """Samples fall due each 64 frames; the object is away four times between them."""
    clip = list(standing(800, away=[index for index in range(512, 768) if 8 <= index % 64 < 48]))
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    assert error(renderer.render(*clip[300]), scenery()) < 0.01
    assert renderer.notes == []


def test_a_background_that_two_samples_show_is_not_enough():
    clip = list(standing(600, away=range(130, 226)))
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    renderer.render(*clip[300])
    assert "1 of 1 objects had no background" in renderer.notes[0]


def test_an_object_is_recognised_in_the_plate_also_where_half_of_it_is_unseen():
    clip = list(standing(100, missed=range(30, 80)))
    both = [[40, 30, 80, 70], [60, 30, 80, 70]]
    clip = [(frame, objects_of(both[1 - len(found.detections) :])) for frame, found in clip]
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    assert brightest(renderer, clip, 10, [40, 30, 58, 70]) < 225


def test_an_object_missed_beside_another_does_not_spoil_the_fit_of_its_plate():
    background, box, clip = scenery(), [80, 30, 110, 60], []
    for frame, found in walk(background, 50, start=0, step=1):
        boxes = [*found.detections.xyxy.tolist(), *([box] if frame.index != 49 else [])]
        clip.append((frame_of(with_object(frame.picture, box), index=frame.index), objects_of(boxes)))
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    assert error(renderer.render(*clip[49]), with_object(background, box)) < 0.012
    assert renderer.notes == []


def test_a_plate_never_crosses_a_cut():
    first, second = scenery(seed=0), scenery(seed=2)
    for view in Planes.of(second).channels:
        view[:] = view // 2
    clip = [*walk(first, 50), *walk(second, 50, first=50)]
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    for frame, objects in clip:
        assert error(renderer.render(frame, objects), first if frame.index < 50 else second) < 0.012


def test_light_that_changes_is_followed():
    background = scenery()
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(walk(background, 50))
    darker = scenery()
    Planes.of(darker).channels[0][:] -= 20
    ((frame, objects),) = walk(darker, 1, start=60)
    assert error(renderer.render(frame, objects), darker) < 0.012


def test_what_is_never_seen_is_guessed_and_never_the_object_itself():
    background = scenery()
    box = [40, 30, 80, 70]
    clip = [(frame_of(with_object(background, box), index=i), objects_of([box], index=i)) for i in range(5)]
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    out = renderer.render(*clip[2])
    inside = Planes.of(out).channels[0][30:70, 40:80]
    assert inside.max() < 225  # the object is 255


def test_a_moving_camera_falls_back_to_the_surroundings_and_says_so():
    clip = [(frame_of(noise_picture("yuv420p", SIZE, i), index=i), objects_of([[40, 30, 80, 70]])) for i in range(6)]
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    renderer.render(*clip[3])
    assert "1 of 1 objects" in renderer.notes[0]


def test_a_single_image_is_filled_from_around():
    pixels = np.full((60, 60, 3), (10, 200, 30), np.uint8)
    pixels[20:40, 20:40] = 255
    out = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0).render_image(
        pixels, objects_of([[20, 20, 40, 40]])
    )
    assert np.abs(out.astype(int) - (10, 200, 30)).max() <= 2


def test_corrupt_frames_do_not_get_into_the_plate():
    background = scenery()
    clip = list(walk(background, 60))
    for index in range(20, 30):
        clip[index] = (frame_of(noise_picture("yuv420p", SIZE, index), index=index, corrupt="lost"), clip[index][1])
    renderer = Renderer(open_effect("clean-plate"), shape="box", grow=0, feather=0)
    renderer.prepare(clip)
    assert error(renderer.render(*clip[40]), background) < 0.012


def test_inpainting_a_fully_hidden_picture_shows_nothing_of_it():
    samples = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    assert (inpainted(samples, np.ones((50, 70), bool)) == 128).all()
    half = np.zeros((50, 70), bool)
    half[:, 30:] = True
    samples[:, :30] = 77
    out = inpainted(samples, half)
    assert (out[:, :30] == 77).all() and np.abs(out.astype(int) - 77).max() <= 2


def test_samples_of_a_scene_stay_few_however_long_it_is():
    background = scenery()
    scene = SceneSamples(Canvas(Planes.of(background)))
    for _ in range(500):
        scene.add(Canvas(Planes.of(background)), [])
    assert SAMPLES // 2 <= len(scene._samples) <= SAMPLES


def test_cuts_are_told_from_motion():
    cuts = CutFinder()
    pictures = [scenery(seed=0)] * 3 + [noise_picture("yuv420p", SIZE)] * 3
    found = [cuts.is_cut(Canvas(Planes.of(picture)), []) for picture in pictures]
    assert found == [False] * 3 + [True] + [False] * 2
