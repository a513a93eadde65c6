/* Pixels by which masks cover them, from run lengths alone: no mask is painted. */
#ifndef OVERLAP_H
#define OVERLAP_H

#include "boundary_runs.h"

#define MAX_OVERLAID 3

typedef struct {
    scratch of[MAX_OVERLAID];
} overlay;

static void release_overlay(overlay *o) {
    for (int i = 0; i < MAX_OVERLAID; i++)
        release_scratch(&o->of[i]);
}

/* pixels[s]: how many of the h*w pixels lie in just those of the n masks whose bits are set in s.
 * All masks are h x w. On an error *culprit says which mask it is about. */
static int count_overlaps(overlay *o, const unsigned char *const *text, const size_t *size, int n, uint32_t h, uint32_t w,
                          uint64_t *pixels, int *culprit) {
    size_t left[MAX_OVERLAID];
    const uint32_t *next[MAX_OVERLAID];
    uint32_t turn[MAX_OVERLAID]; /* where mask i changes next */
    memset(pixels, 0, sizeof *pixels << n);
    *culprit = 0;
    if (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE || (uint64_t)h * w > MAX_PIXELS)
        return BOUNDARY_BAD_SIZE;
    for (int i = 0; i < n; i++) {
        int error = read_lengths(text[i], size[i], h * w, &o->of[i], &left[i]);
        if (error) {
            *culprit = i;
            return error;
        }
        next[i] = o->of[i].lengths.at;
        turn[i] = *next[i];
    }
    unsigned state = 0;
    for (uint32_t at = 0, end = h * w; at < end;) {
        uint32_t until = end;
        for (int i = 0; i < n; i++)
            until = turn[i] < until ? turn[i] : until;
        pixels[state] += until - at;
        at = until;
        for (int i = 0; i < n; i++)
            while (turn[i] == at && left[i] > 1) { /* the last run ends with the mask and turns nothing */
                state ^= 1u << i;
                left[i]--;
                turn[i] += *++next[i];
            }
    }
    return BOUNDARY_OK;
}

#endif
