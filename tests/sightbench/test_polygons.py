"""Polygons by pycocotools' rule and by that of OpenCV 4.8.0."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco

from sightbench import polygons, rle
from sightbench.polygons import PolygonError


def shape(rng: np.random.Generator) -> tuple[int, int, np.ndarray]:
    """Height, width and corners; some leave the image, some lie on whole pixels, some repeat a corner."""
    h, w, corners = (int(number) for number in rng.integers((1, 1, 3), (60, 60, 12)))
    beyond = rng.choice([0, 0.3, 1.5])
    points = np.stack([rng.uniform(-beyond * side, side + beyond * side, corners) for side in (w, h)], 1)
    if rng.random() < 0.3:
        points = np.round(points)
    if rng.random() < 0.1:
        points[-1] = points[0]
    return h, w, points


def test_coco_polygons_are_pycocotools_to_the_pixel() -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        h, w, points = shape(rng)
        polygon = points.ravel().tolist()
        theirs = coco.decode(coco.frPyObjects([polygon], h, w))[..., 0]
        assert (rle.decode(polygons.coco(polygon, h, w)) == theirs).all(), (h, w, polygon)


def test_a_rectangle_by_hand() -> None:
    assert polygons.coco([1, 1, 4, 1, 4, 3, 1, 3], 5, 6).counts == "6230009"


def test_opencv_4_8_sets_a_pixel_that_later_versions_do_not() -> None:
    drawn = polygons.opencv([[1, 5], [1, 0], [2, 4]], 6, 8)
    assert drawn[2, 2]
    assert [row.sum() for row in drawn] == [1, 1, 2, 2, 2, 1]


@pytest.mark.parametrize("name", ["cv2"])
def test_opencv_polygons_are_those_of_4_8_0_where_it_is_installed(name: str) -> None:
    cv2 = pytest.importorskip(name)
    if cv2.__version__ != "4.8.0":
        pytest.skip(f"OpenCV {cv2.__version__} fills polygons otherwise than 4.8.0")
    rng = np.random.default_rng(1)
    for _ in range(1200):
        h, w, points = shape(rng)
        theirs = np.zeros((h, w), np.uint8)
        cv2.fillPoly(theirs, np.array([points.tolist()], np.int32), 1)
        assert (polygons.opencv(points.tolist(), h, w) == theirs.astype(bool)).all(), (h, w, points)


def test_a_polygon_reaches_beyond_the_image_on_all_sides() -> None:
    around = [[-9, -9], [40, -9], [40, 40], [-9, 40]]
    assert polygons.opencv(around, 7, 5).all()
    assert rle.decode(polygons.coco([number for point in around for number in point], 7, 5)).all()


@pytest.mark.parametrize(
    ("polygon", "reason"),
    [
        ([1, 2, 3], "two numbers a point"),
        ([], "two numbers a point"),
        ([0, 0, "1", 1, 2, 2], "list of numbers"),
        ([0, 0, float("nan"), 1, 2, 2], "no place"),
        ([0, 0, float("inf"), 1, 2, 2], "no place"),
        ([0, 0, 10**400, 1, 2, 2], "too large"),
        ([0, 0, 1e7, 1, 2, 2], "no place"),
        ([0, 0, 1e6, 1e6] * 20, "longer than"),
    ],
)
def test_what_is_no_polygon_is_refused_before_memory_is_taken(polygon: list[float], reason: str) -> None:
    with pytest.raises(PolygonError, match=reason):
        polygons.coco(polygon, 100, 100)
