"""The benchmarks' mask metrics restated pixel by pixel: slow, plain, and sure to be read.

Arrays in, floats out, in the arithmetic order of the implementations named below. The tests hold the
scorers to these; test_mask_oracles.py holds these to scipy, OpenCV and vos-benchmark where those are
installed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def shifted(mask: Mask, dy: int, dx: int) -> Mask:
    """mask[y + dy, x + dx], False outside."""
    h, w = mask.shape
    found = np.zeros_like(mask)
    y0, y1, x0, x1 = max(0, -dy), min(h, h - dy), max(0, -dx), min(w, w - dx)
    if y0 < y1 and x0 < x1:
        found[y0:y1, x0:x1] = mask[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
    return found


def dilate(mask: Mask, kernel: Mask) -> Mask:
    """cv2.dilate: the kernel is anchored at its middle (rounded up), outside is ignored.

    An empty kernel is taken for one with its first corner set.
    """
    found = np.zeros_like(mask)
    for j, i in np.argwhere(kernel) if kernel.any() else [(0, 0)]:
        found |= shifted(mask, j - kernel.shape[0] // 2, i - kernel.shape[1] // 2)
    return found


def disk(radius: float) -> Mask:
    """skimage.morphology.disk."""
    axis = np.arange(-radius, radius + 1)
    return axis[:, None] ** 2 + axis[None, :] ** 2 <= radius**2


def cross(mask: Mask, times: int) -> Mask:
    """scipy.ndimage.binary_dilation(mask, iterations=times)."""
    for _ in range(times):
        mask = mask | shifted(mask, 0, 1) | shifted(mask, 0, -1) | shifted(mask, 1, 0) | shifted(mask, -1, 0)
    return mask


def eroded(mask: Mask, times: int) -> Mask:
    """scipy.ndimage.binary_erosion(mask, iterations=times): outside the image is background."""
    for _ in range(times):
        mask = mask & shifted(mask, 0, 1) & shifted(mask, 0, -1) & shifted(mask, 1, 0) & shifted(mask, -1, 0)
    return mask


def inner_boundary(mask: Mask, kernel: Mask) -> Mask:
    """Mask pixels that see background, or the outside of the image, within the kernel."""
    margin = max(kernel.shape)
    background = np.pad(~mask, margin, constant_values=True)
    return mask & dilate(background, kernel)[margin:-margin, margin:-margin]


def dynbench_frame(pred: Mask, gt: Mask, threshold: int = 2) -> tuple[float, float]:
    """LilyYang0504/Bench utils/cal_metrics.py: compute_iou, compute_boundary_f1."""
    union = np.logical_or(pred, gt).sum()
    j = np.logical_and(pred, gt).sum() / union if union else 1.0
    boundary_p, boundary_g = pred ^ eroded(pred, threshold), gt ^ eroded(gt, threshold)
    if not boundary_p.any() or not boundary_g.any():
        return float(j), 1.0 if boundary_p.any() == boundary_g.any() else 0.0
    p = (boundary_p & cross(boundary_g, threshold)).sum() / boundary_p.sum()
    r = (boundary_g & cross(boundary_p, threshold)).sum() / boundary_g.sum()
    return float(j), float(2 * p * r / (p + r)) if p + r else 0.0


def seg2bmap(mask: Mask) -> Mask:
    """davis2017-evaluation, davis2017/metrics.py: _seg2bmap."""
    right, below, both = shifted(mask, 0, 1), shifted(mask, 1, 0), shifted(mask, 1, 1)
    boundary = (mask ^ right) | (mask ^ below) | (mask ^ both)
    boundary[-1, :] = mask[-1, :] ^ right[-1, :]
    boundary[:, -1] = mask[:, -1] ^ below[:, -1]
    boundary[-1, -1] = False
    return boundary


def davis_f(pred: Mask, gt: Mask, radius: float) -> float:
    boundary_p, boundary_g = seg2bmap(pred), seg2bmap(gt)
    kernel = disk(radius)
    n_p, n_g = int(boundary_p.sum()), int(boundary_g.sum())
    if n_p == 0 and n_g > 0:
        p, r = 1.0, 0.0
    elif n_p > 0 and n_g == 0:
        p, r = 0.0, 1.0
    elif n_p == 0:
        p, r = 1.0, 1.0
    else:
        p = np.sum(boundary_p & dilate(boundary_g, kernel)) / float(n_p)
        r = np.sum(boundary_g & dilate(boundary_p, kernel)) / float(n_g)
    return float(2 * p * r / (p + r)) if p + r else 0.0


def davis_frame(pred: Mask, gt: Mask, void: Mask | None = None) -> tuple[float, float]:
    """davis2017-evaluation, davis2017/metrics.py: db_eval_iou, db_eval_boundary."""
    if void is not None:
        pred, gt = pred & ~void, gt & ~void
    union = np.sum(pred | gt)
    j = np.sum(pred & gt) / union if union else 1.0
    return float(j), davis_f(pred, gt, float(np.ceil(0.008 * np.linalg.norm(pred.shape))))


def mosev2_frame(pred: Mask, gt: Mask) -> tuple[float, float, float]:
    """MOSE-api metricsv2.py: J, the adaptive F and the usual F (with its unrounded radius)."""
    j = (np.sum(pred & gt) + 1) / (np.sum(pred | gt) + 1)
    diagonal = float(np.linalg.norm(pred.shape))
    radius = float(np.ceil(0.1 * np.sqrt(np.sum(gt))) if gt.any() else np.ceil(0.1 * diagonal))
    radius = min(0.008 * diagonal, radius)
    if radius < 0.008 * diagonal:
        return float(j), davis_f(pred, gt, radius), davis_f(pred, gt, float(np.ceil(0.008 * diagonal)))
    f = davis_f(pred, gt, 0.008 * diagonal)
    return float(j), f, f


def revos_frame(pred: Mask, instances: list[Mask], foreground: Mask) -> tuple[float, float]:
    """VISA eval_revos.py: get_r2vos_accuracy, get_r2vos_robustness, with their uint8 sums."""
    gt = np.zeros(pred.shape, np.uint8)
    for instance in instances:
        gt += instance.astype(np.uint8)
    as_bytes = pred.astype(np.uint8)
    accuracy = np.mean(gt == as_bytes)
    false = ((1 - gt) * as_bytes).sum()
    return float(accuracy), float(max(1 - false / (foreground.astype(np.uint8).sum() + 1e-6), 0.0))


def vos_benchmark_entries(preds: list[Mask], gts: list[Mask]) -> tuple[list[float], list[float]]:
    """hkchengrex/vos-benchmark evaluator.py: the object's entries, first and last frame dropped."""
    js, fs, seen = [], [], False
    for pred, gt in list(zip(preds, gts, strict=True))[1:-1]:
        seen = seen or bool(pred.any() or gt.any())
        if seen:
            j, f = davis_frame(pred, gt)
            js.append(j)
            fs.append(f)
    return js, fs


# --- masks to try them on -------------------------------------------------------------------------


def random_size(rng: np.random.Generator) -> tuple[int, int]:
    edge = (1, 2, 3, 5, 30, 62, 63, 64, 65, 66, 126, 127, 128, 129, 130)
    return int(rng.choice(edge)), int(rng.choice(edge))


def random_mask(rng: np.random.Generator, h: int, w: int) -> Mask:
    """One of the shapes that have ever been trouble, or a plain blob."""
    y, x = np.mgrid[:h, :w]
    kind = rng.integers(14)
    if kind == 0:
        return np.zeros((h, w), bool)
    if kind == 1:
        return np.ones((h, w), bool)
    if kind == 2:
        return (y == rng.integers(h)) & (x == rng.integers(w))
    if kind == 3:
        return y == rng.integers(h)
    if kind == 4:
        return x == rng.integers(w)
    if kind == 5:
        return ((y + x) % 2 == 0) ^ bool(rng.integers(2))
    if kind == 6:
        return (y if rng.integers(2) else x) % int(rng.integers(2, 9)) == 0
    if kind == 7:
        return rng.random((h, w)) < rng.choice([0.01, 0.05, 0.3, 0.5, 0.9, 0.99])
    if kind == 8:
        t = rng.integers(1, 4)
        return (y < t) | (x < t) | (y >= h - t) | (x >= w - t)
    if kind == 9:
        t = rng.integers(1, 6)
        return ((y < t) | (y >= h - t)) & ((x < t) | (x >= w - t))
    if kind == 10:
        return (abs(y - h // 2) < 2) | (abs(x - w // 2) < 2)
    y0, x0 = rng.integers(0, h), rng.integers(0, w)
    if kind == 11:
        return (y >= y0) & (x >= x0) if rng.integers(2) else (y <= y0) & (x <= x0)
    inside = ((y - y0) / rng.uniform(0.5, h)) ** 2 + ((x - x0) / rng.uniform(0.5, w)) ** 2 <= 0.25
    return inside if kind == 12 else inside & (rng.random((h, w)) < 0.95)


def random_pair(rng: np.random.Generator, h: int, w: int) -> tuple[Mask, Mask]:
    """Two masks; half the time the second is the first, moved or nibbled at, so that boundaries meet."""
    first = random_mask(rng, h, w)
    if rng.integers(2):
        return first, random_mask(rng, h, w)
    second = shifted(first, int(rng.integers(-4, 5)), int(rng.integers(-4, 5)))
    return first, second ^ (rng.random((h, w)) < 0.01) if rng.integers(2) else second
