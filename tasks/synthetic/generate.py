"""Writing a synthetic set to disk, in the Dyn-Bench layout, the same to the byte for the same arguments.

    OUT/frames/synthetic/<scene>/frame_0000.jpg
    OUT/masks/synthetic/<scene>/frame_0000_obj1.png     255 where the object is visible
    OUT/multi_json/synthetic/<scene>_<suffix>.json
    OUT/scenes/synthetic/<scene>.json                   camera and object poses
    OUT/depth/synthetic/<scene>/frame_0000.png          on request: 16 bit, millimetres, 0 = none or too far
    OUT/manifest.json                                   written last: a set without it is not finished

A scene is named s<seed>-<index>; its twins end in -reversed and -mirrored.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench.errors import DatasetError, SightbenchError, UsageError
from sightbench.tasks.synthetic.balance import arrange, lettered, select
from sightbench.tasks.synthetic.facts import describe, observe
from sightbench.tasks.synthetic.knobs import Knobs
from sightbench.tasks.synthetic.questions import Question, expressions, questions
from sightbench.tasks.synthetic.render import MAX_DEPTH, Frame, render
from sightbench.tasks.synthetic.scene import make_scene

VERSION = 1
DATASET = "synthetic"
TWINS = ("original", "reversed", "mirrored")
QA = ("cameraqa", "qa", "sceneqa")
MASKS = ("cameramask", "objmask", "scenemask")
QUALITY = 92


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a set is: all that it was made from, and how much there is of everything.

    `scenes` counts videos without their twins, `videos` with them. `tasks`: suffix -> records;
    `families`: "suffix/family" -> records; `letters`: right letter -> records.
    """

    version: int
    seed: int
    scenes: int
    videos: int
    knobs: Mapping[str, Any]
    tasks: Mapping[str, int]
    families: Mapping[str, int]
    letters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What is left of a scene once its pictures are on disk."""

    questions: list[Question]
    expressions: list[Question]
    shapes: tuple[str, ...]


def generate(
    out: Path,
    scenes: int,
    seed: int,
    knobs: Knobs | None = None,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Render `scenes` videos into the new or empty folder `out` and return what was written.

    `workers` processes share the rendering and change nothing in the result; `progress(done, scenes)` is
    called after each scene. The pictures of a scene depend on seed, knobs and its number alone; which of
    its questions stay depends on the whole set (answers are balanced over it).
    UsageError if `out` holds something or the arguments cannot be rendered, SightbenchError if the disk
    refuses.
    """
    knobs = knobs or Knobs()
    if scenes < 1 or seed < 0 or workers < 1:
        raise UsageError("synthetic benchmark: scenes and workers must be at least 1, the seed at least 0")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder: choose another one, or remove it first")
    try:
        rendered = []
        for scene in _render_all(out, scenes, seed, knobs, workers):
            rendered.append(scene)
            if progress is not None:
                progress(len(rendered), scenes)
        manifest = _write_questions(out, seed, knobs, rendered)
        _write_json(out / "manifest.json", asdict(manifest))
    except OSError as error:
        raise SightbenchError(f"cannot write the synthetic benchmark to {out}: {error.strerror}") from error
    return manifest


def read_manifest(root: Path) -> Manifest:
    """The manifest of a finished set; DatasetError if there is none or it is of another version."""
    path = root / "manifest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**content)
    except FileNotFoundError:
        raise DatasetError("no manifest: not a (finished) synthetic set", path) from None
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"not a manifest of a synthetic set: {error}", path) from error
    if manifest.version != VERSION:
        raise DatasetError(f"written by version {manifest.version} of the generator, this is {VERSION}", path)
    return manifest


def scene_name(seed: int, index: int, twin: str = "original") -> str:
    return f"s{seed}-{index:05d}" + ("" if twin == "original" else f"-{twin}")


def _render_all(out: Path, scenes: int, seed: int, knobs: Knobs, workers: int) -> Iterator[_Rendered]:
    work = partial(_render_scene, out, seed, knobs)
    if workers == 1:
        yield from map(work, range(scenes))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from pool.map(work, range(scenes))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _render_scene(out: Path, seed: int, knobs: Knobs, index: int) -> _Rendered:
    scene = make_scene(seed, index, knobs)
    frames = [render(scene, t, knobs.size) for t in range(knobs.frames)]
    facts = observe(scene, knobs, frames)
    versions = [facts, facts.reversed(), facts.mirrored()] if knobs.twins else [facts]
    for twin, version in zip(TWINS, versions, strict=False):
        name = scene_name(seed, index, twin)
        if twin == "reversed":
            _copy_reversed(out, scene_name(seed, index), name, knobs.frames)
        else:
            for t, frame in enumerate(frames):
                _write_frame(out, name, t, frame, len(scene.things), knobs.depth, twin == "mirrored")
        _write_json(out / "scenes" / DATASET / f"{name}.json", describe(version))
    rng = np.random.default_rng([seed, 5, index, 99])
    return _Rendered(
        questions=questions(versions, rng),
        expressions=expressions(versions, rng),
        shapes=tuple(thing.shape for thing in scene.things),
    )


def _write_frame(out: Path, name: str, t: int, frame: Frame, count: int, depth: bool, mirrored: bool) -> None:
    def save(kind: str, file: str, pixels: NDArray[Any], **options: Any) -> None:
        path = out / kind / DATASET / name / file
        if t == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels)).save(path, **options)

    save("frames", f"frame_{t:04d}.jpg", frame.pixels, quality=QUALITY, subsampling=0)
    for k in range(1, count + 1):
        mask = (frame.ids == k).astype(np.uint8) * np.uint8(255)
        save("masks", f"frame_{t:04d}_obj{k}.png", mask, compress_level=1)
    if depth:
        far = ~(frame.depth < MAX_DEPTH)
        millimetres = np.where(far, 0, np.round(frame.depth * 1000)).astype(np.uint16)
        save("depth", f"frame_{t:04d}.png", millimetres, compress_level=1)


def _copy_reversed(out: Path, source: str, target: str, frames: int) -> None:
    """The files of a video under the names of the mirrored times: the same bytes, played backwards."""
    for kind in ("frames", "masks", "depth"):
        folder = out / kind / DATASET / source
        if not folder.is_dir():
            continue
        (folder.parent / target).mkdir()
        for path in folder.iterdir():
            time = int(path.name[6:10])
            name = f"frame_{frames - 1 - time:04d}{path.name[10:]}"
            shutil.copyfile(path, folder.parent / target / name)


def _write_questions(out: Path, seed: int, knobs: Knobs, rendered: list[_Rendered]) -> Manifest:
    rng = np.random.default_rng([seed, 6, 99])
    kept = select([scene.questions for scene in rendered], rng)
    orders = iter(arrange([question for each in kept for question in each], rng))
    tasks: Counter[str] = Counter()
    families: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    twins = TWINS if knobs.twins else TWINS[:1]
    for index, (scene, chosen) in enumerate(zip(rendered, kept, strict=True)):
        files: dict[tuple[str, str], Any] = {}
        for number, question in enumerate(chosen):
            options = lettered(order := next(orders))
            for twin, answer in zip(twins, question.answers, strict=True):
                letter = options[order.index(str(answer))][0]
                record = {"question": f"{question.text}", "options": options, "answer": letter}
                record |= _additions(question, seed, index, number, twin, knobs.twins)
                files.setdefault((twin, question.task), []).append(record)
                letters[letter] += 1
        for number, question in enumerate(scene.expressions):
            for twin, answer in zip(twins, question.answers, strict=True):
                record = {
                    "question": f"Please segment {question.text}.",
                    "crop_caption": question.text,
                    "crop_category": scene.shapes[int(answer)],
                }
                record |= _additions(question, seed, index, number, twin, knobs.twins)
                files.setdefault((twin, question.task), {})[f"object_{int(answer) + 1}"] = record
        for (twin, task), content in files.items():
            path = out / "multi_json" / DATASET / f"{scene_name(seed, index, twin)}_{task}.json"
            _write_json(path, content)
            tasks[task] += len(content)
        for question in (*chosen, *scene.expressions):
            families[f"{question.task}/{question.family}"] += len(twins)
    return Manifest(
        version=VERSION,
        seed=seed,
        scenes=len(rendered),
        videos=len(rendered) * len(twins),
        knobs=json.loads(json.dumps(knobs.as_json())),
        tasks={task: tasks[task] for task in (*QA, *MASKS)},
        families=dict(sorted(families.items())),
        letters=dict(sorted(letters.items())),
    )


def _additions(
    question: Question, seed: int, index: int, number: int, twin: str, twins: bool
) -> dict[str, str]:
    added = {"family": question.family}
    if twins:
        added |= {"pair": f"{scene_name(seed, index)}/{question.task}/{number}", "twin": twin}
    return added


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
