"""Is it true? Answers checked against the poses and masks on disk, twins against scenes rendered as such."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightbench.tasks.synthetic.facts import BACKWARDS, Facts, observe
from sightbench.tasks.synthetic.generate import MASKS, QA, generate
from sightbench.tasks.synthetic.knobs import Knobs
from sightbench.tasks.synthetic.render import render
from sightbench.tasks.synthetic.scene import Scene, make_scene

ENDS = {"first": 0, "last": -1}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("truth") / "set"
    generate(out, 30, 17, Knobs(twins=True, depth=True, size=(160, 120)))
    return out


class World:
    """A video as its files tell it: poses from scenes/, visible pixels from masks/."""

    def __init__(self, root: Path, scene: str) -> None:
        content = json.loads((root / "scenes" / "synthetic" / f"{scene}.json").read_text())
        self.camera = np.array(content["camera"]["position"])
        self.rotation = np.array(content["camera"]["world_to_camera"])
        self.intrinsics = np.array(content["camera"]["intrinsics"])
        self.names = [f"{o['colour']} {o['shape']}" for o in content["objects"]]
        self.yaws = [o["yaw"] for o in content["objects"]]
        self.hidden = np.stack(
            [np.subtract(o["outline_pixels"], o["visible_pixels"]) for o in content["objects"]], axis=1
        )
        self.radii = [o["radius"] for o in content["objects"]]
        self.shapes = [o["shape"] for o in content["objects"]]
        self.at = np.stack([np.array(o["position"]) for o in content["objects"]], axis=1)
        self.masks = np.stack(
            [
                np.stack(
                    [
                        np.asarray(
                            Image.open(root / "masks" / "synthetic" / scene / f"frame_{t:04d}_obj{k + 1}.png")
                        )
                        > 0
                        for k in range(len(self.names))
                    ]
                )
                for t in range(len(self.camera))
            ]
        )
        self.depth = np.stack(
            [
                np.asarray(Image.open(root / "depth" / "synthetic" / scene / f"frame_{t:04d}.png")) / 1000
                for t in range(len(self.camera))
            ]
        )

    def distance(self, t: int, k: int) -> float:
        return float(np.linalg.norm(self.at[t, k] - self.camera[t]))

    def apart(self, t: int, a: int, b: int) -> float:
        return float(np.linalg.norm(self.at[t, a] - self.at[t, b]))

    def column(self, t: int, k: int) -> float:
        return float(np.nonzero(self.masks[t, k])[1].mean())

    def shown(self, t: int) -> list[int]:
        return [k for k in range(len(self.names)) if self.masks[t, k].any()]

    def moved(self, k: int) -> float:
        return float(np.linalg.norm(self.at[-1, k] - self.at[0, k]))

    def in_camera(self, t: int, vector: Any) -> Any:
        return self.rotation[t] @ vector

    def camera_motion(self) -> str:
        shift = self.in_camera(0, self.camera[-1] - self.camera[0])
        ahead_at_end = self.in_camera(0, self.rotation[-1].T @ np.array([0, 0, 1.0]))
        if abs(ahead_at_end[0]) > 0.05:
            return f"it turns to the {'right' if ahead_at_end[0] > 0 else 'left'}"
        rise = self.camera[-1, 2] - self.camera[0, 2]
        if abs(rise) > 0.3:
            return f"it moves {'up' if rise > 0 else 'down'}"
        if abs(shift[0]) > 0.3:
            return f"it moves to the {'right' if shift[0] > 0 else 'left'}"
        return f"it moves {'forward' if shift[2] > 0 else 'backward'}"


def truth(world: World, family: str, text: str) -> str | None:
    """The answer to a question by an independent reading of its words; None for families not covered."""
    t = ENDS[found[1]] if (found := re.search(r"\b(first|last) frame", text)) else 0
    named = [world.names.index(name) for name in re.findall(rf"\b({'|'.join(world.names)})\b", text)]
    shown = world.shown(t)
    everything = range(len(world.names))

    def the(k: int) -> str:
        return f"the {world.names[k]}"

    def change(before: float, after: float, words: tuple[str, str, str]) -> str:
        return words[2] if 0.9 < after / before < 1.1 else words[after > before]

    if family == "nearest":
        return the(min(shown, key=lambda k: world.distance(t, k)))
    if family == "farthest":
        return the(max(shown, key=lambda k: world.distance(t, k)))
    if family == "leftmost":
        return the(min(shown, key=lambda k: world.column(t, k)))
    if family == "rightmost":
        return the(max(shown, key=lambda k: world.column(t, k)))
    if family == "closest_to":
        return the(min((k for k in shown if k != named[0]), key=lambda k: world.apart(t, k, named[0])))
    if family == "travel":
        return the(max(everything, key=world.moved))
    if family == "which_moves":
        return None
    if family == "camera_motion":
        return world.camera_motion()
    if family == "approach":
        (a,) = named
        words = ("it becomes smaller", "it becomes larger", "it stays about the same")
        return change(world.distance(0, a), world.distance(-1, a), words)
    if family == "pair_distance":
        words = ("they come closer to each other", "they move apart", "it stays the same")
        return change(world.apart(0, *named), world.apart(-1, *named), words)
    if family == "relation":
        a, b = named
        side = "left" if world.column(t, a) < world.column(t, b) else "right"
        near = "nearer to" if world.distance(t, a) < world.distance(t, b) else "farther from"
        return f"to the {side} and {near} the camera"
    if family == "facing":
        here, facing, there = (world.at[t, k, :2] for k in named)
        forward, toward = facing - here, there - here
        ahead = "in front" if forward @ toward > 0 else "behind"
        right_hand = np.array([forward[1], -forward[0]])
        return f"{ahead}, to the {'right' if right_hand @ toward > 0 else 'left'}"
    if family == "count":
        return str(int(world.masks.any(axis=(0, 2, 3)).sum()))
    if family == "count_shape":
        word = {"spheres": "sphere", "boxes": "box", "cylinders": "cylinder"}[text.split()[2]]
        seen = np.asarray(world.masks.any(axis=(0, 2, 3)))
        return str(sum(world.shapes[k] == word and bool(seen[k]) for k in everything))
    if family == "count_moving":
        return str(sum(world.moved(k) > 0.01 for k in everything))
    if family == "direction":
        shift = world.in_camera(0, world.at[-1, named[0]] - world.at[0, named[0]])
        if abs(shift[0]) > abs(shift[2]):
            return "to the right" if shift[0] > 0 else "to the left"
        return "away from the camera" if shift[2] > 0 else "toward the camera"
    if family == "when":
        path = world.at[:, named[0], 0]
        first, second = (abs(np.diff(part)).max() > 1e-4 for part in (path[:4], path[-4:]))
        return {
            (True, True): "during the whole video",
            (True, False): "only in the first half",
            (False, True): "only in the second half",
            (False, False): "never",
        }[bool(first), bool(second)]
    return None


def scenes(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / "scenes" / "synthetic").iterdir())


def test_every_answer_that_poses_and_masks_decide_is_right_for_videos_and_twins(root: Path) -> None:
    checked: Counter[str] = Counter()
    for scene in scenes(root):
        world = World(root, scene)
        for task in QA:
            path = root / "multi_json" / "synthetic" / f"{scene}_{task}.json"
            for record in json.loads(path.read_text()) if path.exists() else ():
                options = {option[0]: option[3:] for option in record["options"]}
                expected = truth(world, record["family"], record["question"])
                if expected is not None:
                    assert options[record["answer"]] == expected, (scene, record)
                    checked[record["family"]] += 1
    assert len(checked) == 16 and sum(checked.values()) > 700


def test_every_referred_object_is_the_one_the_expression_describes(root: Path) -> None:
    checked: Counter[str] = Counter()
    for scene in scenes(root):
        world = World(root, scene)
        for task in MASKS:
            path = root / "multi_json" / "synthetic" / f"{scene}_{task}.json"
            for key, record in json.loads(path.read_text()).items() if path.exists() else ():
                k = int(key.removeprefix("object_")) - 1
                family, text = record["family"], record["question"]
                assert record["crop_category"] == world.shapes[k]
                moving = [j for j in range(len(world.names)) if world.moved(j) > 0.01]
                if family == "named":
                    assert text == f"Please segment the {world.names[k]}."
                elif family == "only_mover":
                    assert moving == [k]
                elif family == "only_still":
                    assert sorted([*moving, k]) == list(range(len(world.names)))
                elif family in ("approaches", "recedes"):
                    sign = 1 if family == "recedes" else -1
                    change = [
                        sign * (world.distance(-1, j) - world.distance(0, j)) for j in range(len(world.names))
                    ]
                    assert change[k] == max(change) > 0.5
                elif (expected := truth(world, family, text)) is not None:
                    assert expected == f"the {world.names[k]}", (scene, record)
                else:
                    continue
                checked[family] += 1
    assert len(checked) >= 9 and sum(checked.values()) > 300


def test_poses_project_into_the_masks_and_depth_agrees(root: Path) -> None:
    """The centre of a sphere that nothing hides projects into its mask, half a sphere behind its depth."""
    checked = 0
    for scene in scenes(root):
        world = World(root, scene)
        for t in (0, 5):
            for k, shape in enumerate(world.shapes):
                x, y, z = world.in_camera(t, world.at[t, k] - world.camera[t])
                u, v, _ = world.intrinsics @ np.array([x / z, y / z, 1.0])
                if shape != "sphere" or not (5 < u < 155 and 5 < v < 115):
                    continue
                if not world.masks[t, k, int(v), int(u)]:
                    continue
                surface = world.depth[t, int(v), int(u)]
                assert z - 1.05 * world.radii[k] < surface < z - 0.7 * world.radii[k]
                checked += 1
    assert checked > 60


def test_the_corners_of_a_box_project_to_the_ends_of_its_mask(root: Path) -> None:
    """In every frame: so its angle, the camera's turning and the pinhole are what the poses say."""
    checked = 0
    for scene in scenes(root):
        world = World(root, scene)
        for t in range(len(world.camera)):
            for k, shape in enumerate(world.shapes):
                if shape != "box" or world.hidden[t, k]:
                    continue
                yaw, half = world.yaws[k], 0.8 * world.radii[k]
                one, two = np.array([np.cos(yaw), np.sin(yaw), 0]), np.array([-np.sin(yaw), np.cos(yaw), 0])
                corners = [
                    world.at[t, k] + half * (a * one + b * two + c * np.array([0, 0, 1]))
                    for a in (-1, 1)
                    for b in (-1, 1)
                    for c in (-1, 1)
                ]
                seen = np.array([world.in_camera(t, corner - world.camera[t]) for corner in corners])
                u = world.intrinsics[0, 0] * seen[:, 0] / seen[:, 2] + world.intrinsics[0, 2]
                v = world.intrinsics[1, 1] * seen[:, 1] / seen[:, 2] + world.intrinsics[1, 2]
                if u.min() < 1 or u.max() > 159 or v.max() > 119:
                    continue
                rows, columns = np.nonzero(world.masks[t, k])
                assert abs(columns.min() - u.min()) < 1.6 and abs(columns.max() + 1 - u.max()) < 1.6
                assert abs(rows.min() - v.min()) < 1.6 and abs(rows.max() + 1 - v.max()) < 1.6
                checked += 1
    assert checked > 200


def test_who_hides_whom_stands_before_it(root: Path) -> None:
    checked = 0
    for scene in scenes(root):
        world = World(root, scene)
        path = root / "multi_json" / "synthetic" / f"{scene}_qa.json"
        for record in json.loads(path.read_text()):
            if record["family"] != "hides":
                continue
            options = {option[0]: option[7:] for option in record["options"]}
            front = world.names.index(options[record["answer"]])
            back = world.names.index(re.search(r"hides the (\w+ \w+)", record["question"])[1])  # type: ignore[index]
            t = ENDS[re.search(r"(first|last)", record["question"])[1]]  # type: ignore[index]
            assert world.distance(t, front) < world.distance(t, back)
            grown = world.masks[t, front].copy()
            grown[1:] |= world.masks[t, front][:-1]
            grown[:-1] |= world.masks[t, front][1:]
            grown[:, 1:] |= world.masks[t, front][:, :-1]
            grown[:, :-1] |= world.masks[t, front][:, 1:]
            assert (grown & world.masks[t, back]).any(), "they touch in the image"
            checked += 1
    assert checked > 15


def backwards(scene: Scene) -> Scene:
    """The scene itself played backwards: other paths, another camera course."""
    opposite = {"whole": "whole", "first half": "second half", "second half": "first half"}
    things = tuple(
        replace(
            t,
            start=(t.start[0] + t.travel[0], t.start[1] + t.travel[1]),
            travel=(-t.travel[0], -t.travel[1]) if t.moves else (0.0, 0.0),
            schedule=opposite[t.schedule] if t.moves else t.schedule,
        )
        for t in scene.things
    )
    return replace(
        scene,
        things=things,
        movement=BACKWARDS[scene.movement],
        camera=scene.camera[::-1],
        heading=scene.heading[::-1],
    )


def in_the_mirror(scene: Scene) -> Scene:
    """The scene itself with left and right exchanged."""
    things = tuple(
        replace(
            t,
            yaw=-t.yaw,
            start=(-t.start[0], t.start[1]),
            travel=(-t.travel[0], t.travel[1]) if t.moves else t.travel,
        )
        for t in scene.things
    )
    aside = scene.movement.endswith(("left", "right"))
    return replace(
        scene,
        things=things,
        mat=replace(scene.mat, centre=(-scene.mat.centre[0], scene.mat.centre[1]), angle=-scene.mat.angle),
        light=(-scene.light[0], scene.light[1], scene.light[2]),
        movement=BACKWARDS[scene.movement] if aside else scene.movement,
        camera=scene.camera * (-1, 1, 1),
        heading=-scene.heading,
    )


def assert_same_facts(one: Facts, other: Facts) -> None:
    assert one.movement == other.movement
    assert [t.name for t in one.things] == [t.name for t in other.things]
    assert [t.schedule for t in one.things] == [t.schedule for t in other.things]
    for name in ("position", "camera", "heading", "distance"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9, err_msg=name)
    np.testing.assert_array_equal(one.on_mat, other.on_mat)
    for name in ("outline", "visible", "mat_area"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=12, err_msg=name)
    np.testing.assert_allclose(one.column, other.column, atol=0.5)


@pytest.mark.parametrize("index", range(10))
def test_twins_know_what_a_scene_rendered_backwards_or_mirrored_shows(index: int) -> None:
    knobs = Knobs(size=(160, 120))
    scene = make_scene(23, index, knobs)
    frames = [render(scene, t, knobs.size) for t in range(knobs.frames)]
    facts = observe(scene, knobs, frames)

    reverse = backwards(scene)
    again = [render(reverse, t, knobs.size) for t in range(knobs.frames)]
    assert_same_facts(facts.reversed(), observe(reverse, knobs, again))

    mirror = in_the_mirror(scene)
    mirrored = [render(mirror, t, knobs.size) for t in range(knobs.frames)]
    assert_same_facts(facts.mirrored(), observe(mirror, knobs, mirrored))

    for t in range(knobs.frames):
        assert (frames[t].ids == again[-1 - t].ids).mean() > 0.9995
        assert (frames[t].ids == mirrored[t].ids[:, ::-1]).mean() > 0.9995
        difference = np.abs(frames[t].pixels.astype(int) - mirrored[t].pixels[:, ::-1])
        assert difference[frames[t].ids > 0].mean() < 4, "the same but for noise and rounding at edges"
