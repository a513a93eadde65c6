/* The counting core without Python: what boundary.c wraps and the fuzzer in tests/fuzz drives.
 *
 * RLE text -> column runs (boundary_runs.h) -> bit planes -> seven integers (boundary_bits.h, once for any
 * machine, once for AVX2 and once for AVX-512, chosen at run time).
 */
#ifndef BOUNDARY_CORE_H
#define BOUNDARY_CORE_H

#include "boundary_runs.h"

#define MAX_RADIUS 255
#define MAX_ELEMENTS 8

/* hit_pred[i], hit_gt[i]: by the i-th of the elements asked for */
typedef struct {
    uint64_t inter, pred, gt, boundary_pred, boundary_gt, hit_pred[MAX_ELEMENTS], hit_gt[MAX_ELEMENTS];
} counts;

/* A structuring element: row dy - radius holds columns left..right, none where left > right.
 * Rows widen from the outermost towards row 0 (or -1), as those of every diamond and disk do. */
typedef struct {
    int radius, reach, bands_beyond, arm, is_diamond2, holds_diamond2;
    int left[2 * MAX_RADIUS + 1], right[2 * MAX_RADIUS + 1];
} element;

static void complete_element(element *e) {
    e->reach = 0;
    e->bands_beyond = e->radius / 64 + 1;
    for (int i = 0; i <= 2 * e->radius; i++) {
        e->reach = e->reach < -e->left[i] ? -e->left[i] : e->reach;
        e->reach = e->reach < e->right[i] ? e->right[i] : e->reach;
    }
    /* how many rows up and down its middle column reaches, as far as one band carries */
    for (e->arm = -1; e->arm < e->radius && e->arm < 63; e->arm++) {
        int up = e->radius - e->arm - 1, down = e->radius + e->arm + 1;
        if (e->left[up] > 0 || e->right[up] < 0 || e->left[down] > 0 || e->right[down] < 0)
            break;
    }
    e->holds_diamond2 = e->radius >= 2;
    e->is_diamond2 = e->radius == 2;
    for (int dy = -2; dy <= 2 && e->holds_diamond2; dy++) {
        int wide = 2 - (dy < 0 ? -dy : dy), left = e->left[e->radius + dy], right = e->right[e->radius + dy];
        e->holds_diamond2 &= left <= -wide && right >= wide;
        e->is_diamond2 &= left == -wide && right == wide;
    }
    e->is_diamond2 &= e->holds_diamond2;
}

/* The part of the image that is painted: columns x0..x1, rows y0..y1, in bands of 64 rows. */
typedef struct {
    uint32_t x0, x1, y0, y1;
    long width, height, bands;
    int touches_right, touches_bottom;
} box;

static box box_around(const run_list *a, const run_list *b, uint32_t h, uint32_t w, int one_up_and_left) {
    box found = {a->x0 < b->x0 ? a->x0 : b->x0, a->x1 > b->x1 ? a->x1 : b->x1,
                 a->y0 < b->y0 ? a->y0 : b->y0, a->y1 > b->y1 ? a->y1 : b->y1, 0, 0, 0, 0, 0};
    found.x0 -= one_up_and_left && found.x0;
    found.y0 -= one_up_and_left && found.y0;
    found.width = found.x1 - found.x0;
    found.height = found.y1 - found.y0;
    found.bands = (found.height + 63) / 64;
    found.touches_right = found.x1 == w;
    found.touches_bottom = found.y1 == h;
    return found;
}

/* A boundary: its plane, and the places of the vectors in it that hold something, `pixels` in all. */
typedef struct {
    uint64_t *plane;
    uint32_t *at;
    size_t n;
    uint64_t pixels;
} contour;

/* Vectors and the places in a plane that they belong to. */
typedef struct {
    uint64_t *bits;
    uint32_t *at;
} places;

/* All memory one thread of counting needs; zero it first, release it last. */
typedef struct {
    run_list pred, gt, hidden;
    scratch scratch;
    buffer planes;
} workspace;

static void release(workspace *ws) {
    run_list *masks[] = {&ws->pred, &ws->gt, &ws->hidden};
    for (int i = 0; i < 3; i++) {
        free(masks[i]->runs.at);
        free(masks[i]->tables.at);
    }
    release_scratch(&ws->scratch);
    free(ws->planes.at);
}

/* A mask as it came: text of n characters for h x w pixels. */
typedef struct {
    const unsigned char *text;
    size_t n;
    uint32_t h, w;
} mask_text;

enum whose { PRED, GT, HIDDEN };

#define BOUNDARY(name) name##_baseline
#define LANES 2
#define ANY(v) (((v)[0] | (v)[1]) != 0)
#include "boundary_bits.h"

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 9))
#define HAS_AVX 1
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,popcnt,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,popcnt,bmi,bmi2")
#endif
#define BOUNDARY(name) name##_avx2
#define LANES 4
#define ANY(v) (!_mm256_testz_si256((__m256i)(v), (__m256i)(v)))
#include "boundary_bits.h"
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq,popcnt,bmi,bmi2"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq,popcnt,bmi,bmi2")
#endif
#define BOUNDARY(name) name##_avx512
#define LANES 8
#define ANY(v) (_mm512_test_epi64_mask((__m512i)(v), (__m512i)(v)) != 0)
#define POPCOUNT(v) ((uint64_t)_mm512_reduce_add_epi64(_mm512_popcnt_epi64((__m512i)(v))))
#include "boundary_bits.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

enum core { BASELINE, AVX2, AVX512, CORES };
static const char *const CORE_NAMES[CORES] = {"c-baseline", "c-avx2", "c-avx512"};

/* The fastest core that this machine has; it has those before it too. */
static enum core fastest_core(void) {
#ifdef HAS_AVX
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi") &&
          __builtin_cpu_supports("bmi2")))
        return BASELINE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vpopcntdq"))
        return AVX512;
    return AVX2;
#else
    return BASELINE;
#endif
}

/* Counts one frame by n elements, each of which holds those before it; the first makes Dyn-Bench's boundary. On an
 * error *culprit says which of the masks it is about. */
static int count_frame(workspace *ws, const mask_text *pred, const mask_text *gt, const mask_text *hidden, int inner,
                       const element *e, int n_elements, enum core core, counts *out, enum whose *culprit) {
#ifdef HAS_AVX
    if (core == AVX512)
        return count_frame_avx512(ws, pred, gt, hidden, inner, e, n_elements, out, culprit);
    if (core == AVX2)
        return count_frame_avx2(ws, pred, gt, hidden, inner, e, n_elements, out, culprit);
#endif
    (void)core;
    return count_frame_baseline(ws, pred, gt, hidden, inner, e, n_elements, out, culprit);
}

#endif
