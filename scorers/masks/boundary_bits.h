/* Seven integers of a mask pair from bit planes. Included once per instruction set, with
 *
 *     BOUNDARY(name)     the name, with the instruction set's suffix
 *     LANES         64-bit words per vector
 *     ANY(v)        is any bit of the vector set?
 *     POPCOUNT(v)   how many bits are, where an instruction counts them
 *
 * A plane holds 64 rows of one column in a word, row 64k + i in bit i of band k; word x of band k is
 * plane[k * stride + x]. So a pixel's vertical neighbour is a shift by one bit, with the carry from the
 * band above or below, its horizontal neighbour is the word beside it, and LANES words are treated at
 * once. Around the box of the two masks lies a margin of zeros wide enough for every read.
 */

typedef uint64_t BOUNDARY(vec) __attribute__((vector_size(8 * LANES)));
typedef uint64_t BOUNDARY(vec_at) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
#define VEC BOUNDARY(vec)
#define LOAD(p) ((VEC) * (const BOUNDARY(vec_at) *)(p))
#define STORE(p, v) (*(BOUNDARY(vec_at) *)(p) = (BOUNDARY(vec_at))(v))

INLINE uint64_t BOUNDARY(popcount)(VEC v) {
#ifdef POPCOUNT
    return POPCOUNT(v);
#else
    uint64_t bits = 0;
    for (int i = 0; i < LANES; i++)
        bits += (uint64_t)__builtin_popcountll(v[i]);
    return bits;
#endif
}

/* Writes a vector and its place, and says whether it holds anything: only then is it to be kept. Nothing
 * branches here, since nobody could predict where a contour runs. */
INLINE size_t BOUNDARY(put)(places *list, size_t n, long at, VEC found) {
    list->at[n] = (uint32_t)at;
    STORE(list->bits + n * LANES, found);
    return ANY(found);
}

/* Adds a vector of a contour, unless it is empty. */
INLINE void BOUNDARY(keep)(contour *out, long at, VEC found) {
    out->at[out->n] = (uint32_t)at;
    out->n += ANY(found);
    STORE(out->plane + at, found);
}

/* The rows `n` (0 < n < 64) above or below, carried in from the band there. */
INLINE VEC BOUNDARY(above)(VEC here, VEC band_above, int n) { return (here << n) | (band_above >> (64 - n)); }
INLINE VEC BOUNDARY(below)(VEC here, VEC band_below, int n) { return (here >> n) | (band_below << (64 - n)); }

/* Dilation by the diamond of radius 2 at one vector; `flip` of all ones dilates the complement. */
INLINE VEC BOUNDARY(dilate_diamond2)(const uint64_t *p, long stride, VEC flip) {
    const uint64_t *up = p - stride, *down = p + stride;
    VEC here = LOAD(p) ^ flip, above = LOAD(up) ^ flip, below = LOAD(down) ^ flip;
    VEC three = here | (LOAD(p - 1) ^ flip) | (LOAD(p + 1) ^ flip);
    VEC three_above = above | (LOAD(up - 1) ^ flip) | (LOAD(up + 1) ^ flip);
    VEC three_below = below | (LOAD(down - 1) ^ flip) | (LOAD(down + 1) ^ flip);
    VEC five = three | (LOAD(p - 2) ^ flip) | (LOAD(p + 2) ^ flip);
    return five | BOUNDARY(above)(three, three_above, 1) | BOUNDARY(below)(three, three_below, 1) |
           BOUNDARY(above)(here, above, 2) | BOUNDARY(below)(here, below, 2);
}

/* Dilation by any element at one vector. From the outermost row of the element inwards its rows only
 * widen, so the union of the columns in reach grows by what is new and is shifted once per row. */
INLINE VEC BOUNDARY(dilate_half)(const uint64_t *p, long stride, VEC flip, const element *e, int dy, int step, int rows) {
    int band = INT32_MIN, left = 0, right = 0;
    VEC reached = {0}, wide = {0}, wide_below = {0};
    for (; rows > 0; rows--, dy += step) {
        int new_left = e->left[dy + e->radius], new_right = e->right[dy + e->radius];
        if (new_left > new_right)
            continue;
        int here = dy >> 6, shift = dy & 63; /* rounds down, for rows above as well */
        const uint64_t *q = p + here * stride;
        if (here != band) { /* another band: begin with one column again */
            band = here;
            left = right = new_left;
            wide = LOAD(q + left) ^ flip;
            wide_below = LOAD(q + stride + left) ^ flip;
        }
        for (; left > new_left; left--) {
            wide |= LOAD(q + left - 1) ^ flip;
            wide_below |= LOAD(q + stride + left - 1) ^ flip;
        }
        for (; right < new_right; right++) {
            wide |= LOAD(q + right + 1) ^ flip;
            wide_below |= LOAD(q + stride + right + 1) ^ flip;
        }
        reached |= shift ? BOUNDARY(below)(wide, wide_below, shift) : wide;
    }
    return reached;
}

static VEC BOUNDARY(dilate)(const uint64_t *p, long stride, VEC flip, const element *e) {
    return BOUNDARY(dilate_half)(p, stride, flip, e, -e->radius, 1, e->radius) |
           BOUNDARY(dilate_half)(p, stride, flip, e, e->radius, -1, e->radius + 1);
}

/* Is there anything in the columns and bands the element can reach from one vector? */
INLINE int BOUNDARY(any_near)(const uint64_t *p, long stride, const element *e) {
    VEC any = {0};
    for (int band = -e->bands_beyond; band <= e->bands_beyond; band++)
        for (int dx = -e->reach; dx < e->reach + LANES; dx += LANES)
            any |= LOAD(p + band * stride + dx);
    return ANY(any);
}

/* Dilation by the element's middle row and middle column alone: far cheaper than the element, and for two
 * boundaries that run beside each other mostly just as good. */
INLINE VEC BOUNDARY(dilate_plus)(const uint64_t *p, long stride, const element *e) {
    VEC here = LOAD(p), above = LOAD(p - stride), below = LOAD(p + stride), up = here, down = here;
    VEC reached = here;
    for (int dx = e->left[e->radius]; dx <= e->right[e->radius]; dx++)
        reached |= LOAD(p + dx);
    /* each step doubles how far the column is smeared, up to the arm's length */
    for (int smeared = 0, step; smeared < e->arm; smeared += step) {
        step = smeared + 1 < e->arm - smeared ? smeared + 1 : e->arm - smeared;
        down = down | BOUNDARY(above)(down, above, step);
        above |= above << step;
        up = up | BOUNDARY(below)(up, below, step);
        below |= below >> step;
    }
    return reached | up | down;
}

/* Sets rows y0 <= y < y1 of the column whose word in band 0 is given. */
INLINE void BOUNDARY(paint_rows)(uint64_t *column, long stride, uint32_t y0, uint32_t y1) {
    uint32_t bottom = y1 - 1, band = y0 >> 6, last = bottom >> 6;
    uint64_t from_top = ~0ull << (y0 & 63), to_bottom = ~0ull >> (63 - (bottom & 63));
    uint64_t *word = column + band * stride;
    if (band == last) {
        *word |= from_top & to_bottom;
        return;
    }
    *word |= from_top;
    for (word += stride; ++band < last; word += stride)
        *word = ~0ull;
    *word |= to_bottom;
}

/* Sets the bits of the mask's runs, as far as they lie in the box. */
static void BOUNDARY(paint)(const run_list *mask, uint64_t *plane, long stride, const box *b) {
    const column_run *run = mask->runs.at, *end = run + mask->n;
    int inside = mask->x0 >= b->x0 && mask->x1 <= b->x1 && mask->y0 >= b->y0 && mask->y1 <= b->y1;
    if (inside && !mask->columns) {
        for (; run < end; run++)
            BOUNDARY(paint_rows)(plane + (run->x - b->x0), stride, run->y0 - b->y0, run->y1 - b->y0);
        return;
    }
    for (; run < end; run++) {
        uint32_t x = mask->columns ? mask->columns[run->x] : run->x;
        uint32_t x_end = mask->columns ? mask->columns[run->x + 1] : run->x + 1;
        uint32_t y0 = run->y0 < b->y0 ? b->y0 : run->y0, y1 = run->y1 > b->y1 ? b->y1 : run->y1;
        x = x < b->x0 ? b->x0 : x;
        x_end = x_end > b->x1 ? b->x1 : x_end;
        for (; x < x_end && y0 < y1; x++)
            BOUNDARY(paint_rows)(plane + (x - b->x0), stride, y0 - b->y0, y1 - b->y0);
    }
}

/* Boundary as Dyn-Bench has it: mask pixels that see background, or the image's outside, in reach. */
static void BOUNDARY(inner_boundary)(const uint64_t *mask, const box *b, long stride, const element *e, contour *out) {
    const VEC complement = ~(VEC){0};
    for (long k = 0; k < b->bands; k++)
        for (long x = 0; x < b->width; x += LANES) {
            const uint64_t *p = mask + k * stride + x;
            VEC here = LOAD(p);
            if (ANY(here))
                here &= e->is_diamond2 ? BOUNDARY(dilate_diamond2)(p, stride, complement)
                                       : BOUNDARY(dilate)(p, stride, complement, e);
            BOUNDARY(keep)(out, k * stride + x, here);
        }
}

/* Boundary as DAVIS has it: pixels unlike their right, lower or lower right neighbour. Beyond the image
 * its last column and row repeat, which makes the image's own border no boundary. It takes the mask's place in
 * the plane: what a vector needs lies in it, to its right and below. */
static void BOUNDARY(edge_boundary)(const box *b, long stride, contour *out) {
    uint64_t *mask = out->plane;
    if (b->touches_right)
        for (long k = 0; k < b->bands; k++)
            mask[k * stride + b->width] = mask[k * stride + b->width - 1];
    if (b->touches_bottom) {
        long last = b->height - 1, next = b->height;
        for (long x = 0; x <= b->width; x++) {
            uint64_t bit = (mask[(last >> 6) * stride + x] >> (last & 63)) & 1;
            mask[(next >> 6) * stride + x] |= bit << (next & 63);
        }
    }
    for (long k = 0; k < b->bands; k++) {
        uint64_t rows = k == b->height >> 6 ? (1ull << (b->height & 63)) - 1 : ~0ull;
        for (long x = 0; x < b->width; x += LANES) {
            const uint64_t *p = mask + k * stride + x;
            VEC here = LOAD(p), right = LOAD(p + 1), below = LOAD(p + stride), below_right = LOAD(p + stride + 1);
            VEC found = ((here ^ right) | (here ^ BOUNDARY(below)(here, below, 1)) |
                         (here ^ BOUNDARY(below)(right, below_right, 1))) & rows;
            for (long i = b->width - x; b->touches_right && i < LANES; i++)
                found[i] = 0;
            BOUNDARY(keep)(out, k * stride + x, found);
        }
        mask[k * stride + b->width] = 0;
    }
    memset(mask + b->bands * stride, 0, (size_t)(b->width + 1) * sizeof *mask);
}

/* found[i] = the pixels of one contour that lie in reach of another, by each of n elements, each of which holds those
 * before it. Dilation is worked out only where there is something to match, by small shapes within the first
 * element before that itself, and by the next one only for what is still missed: `missed` holds those vectors and
 * their places. */
static void BOUNDARY(hits)(const contour *boundary, const contour *other, long stride, const element *e, int n_elements,
                           places *missed, uint64_t *found) {
    const VEC as_is = {0};
    size_t left = 0;
    for (size_t i = 0; i < boundary->n; i++) {
        long at = boundary->at[i];
        VEC reached = e->holds_diamond2 ? BOUNDARY(dilate_diamond2)(other->plane + at, stride, as_is) : as_is;
        left += BOUNDARY(put)(missed, left, at, LOAD(boundary->plane + at) & ~reached);
    }
    if (e->holds_diamond2 && !e->is_diamond2) {
        size_t n = left;
        for (size_t i = left = 0; i < n; i++) {
            long at = missed->at[i];
            VEC reached = BOUNDARY(dilate_plus)(other->plane + at, stride, e);
            left += BOUNDARY(put)(missed, left, at, LOAD(missed->bits + i * LANES) & ~reached);
        }
    }
    for (int which = 0; which < n_elements; which++, e++) {
        uint64_t misses = 0;
        size_t n = left;
        for (size_t i = left = 0; i < n; i++) {
            long at = missed->at[i];
            VEC still = LOAD(missed->bits + i * LANES);
            if (!(which == 0 && e->is_diamond2) && BOUNDARY(any_near)(other->plane + at, stride, e))
                still &= ~BOUNDARY(dilate)(other->plane + at, stride, as_is, e);
            misses += BOUNDARY(popcount)(still);
            left += BOUNDARY(put)(missed, left, at, still);
        }
        found[which] = boundary->pixels - misses;
    }
}

static uint64_t BOUNDARY(pixels)(contour *of) {
    for (size_t i = 0; i < of->n; i++)
        of->pixels += BOUNDARY(popcount)(LOAD(of->plane + of->at[i]));
    return of->pixels;
}

static uint64_t BOUNDARY(area)(const uint64_t *plane, const box *b, long stride) {
    uint64_t bits = 0;
    for (long k = 0; k < b->bands; k++)
        for (long x = 0; x < b->width; x += LANES)
            bits += BOUNDARY(popcount)(LOAD(plane + k * stride + x));
    return bits;
}

/* The seven integers of two masks of an h x w frame; pixels of `hidden`, unless NULL, count in neither. */
static int BOUNDARY(count_pair)(const run_list *pred, const run_list *gt, const run_list *hidden, uint32_t h, uint32_t w,
                           int inner, const element *e, int n_elements, buffer *planes, counts *out) {
    const element *widest = e + n_elements - 1;
    memset(out, 0, sizeof *out);
    out->pred = pred->area;
    out->gt = gt->area;
    if (!pred->n && !gt->n)
        return BOUNDARY_OK;
    box b = box_around(pred, gt, h, w, !inner);

    /* rows of words: the margin is as wide as the element reaches, and a vector more for whole loads */
    long margin = (widest->reach > 2 ? widest->reach : 2) + 1;
    long stride = b.width + 2 * margin + 2 * LANES;
    long size = stride * (b.bands + 2 * widest->bands_beyond) + 2 * LANES;
    size_t vectors = (size_t)(b.bands * ((b.width + LANES - 1) / LANES)) + 1;
    size_t zeros = (size_t)size * 3 * sizeof(uint64_t), listed = vectors * (LANES * sizeof(uint64_t) + 3 * sizeof(uint32_t));
    if (reserve(planes, zeros + listed))
        return BOUNDARY_NO_MEMORY;
    memset(planes->at, 0, inner || (hidden && hidden->n) ? zeros : zeros / 3 * 2);
    uint64_t *p = (uint64_t *)planes->at + widest->bands_beyond * stride + margin, *g = p + size, *third = g + size;
    uint64_t *missed_bits = (uint64_t *)planes->at + 3 * size;
    uint32_t *at = (uint32_t *)(missed_bits + vectors * LANES);
    places missed = {missed_bits, at + 2 * vectors};

    BOUNDARY(paint)(pred, p, stride, &b);
    BOUNDARY(paint)(gt, g, stride, &b);
    if (hidden && hidden->n) {
        BOUNDARY(paint)(hidden, third, stride, &b);
        for (long i = -margin; i < b.bands * stride - margin; i++) {
            p[i] &= ~third[i];
            g[i] &= ~third[i];
            third[i] = 0;
        }
        out->pred = BOUNDARY(area)(p, &b, stride);
        out->gt = BOUNDARY(area)(g, &b, stride);
    }
    for (long k = 0; k < b.bands; k++)
        for (long x = 0; x < b.width; x += LANES) {
            VEC both = LOAD(p + k * stride + x) & LOAD(g + k * stride + x);
            if (ANY(both))
                out->inter += BOUNDARY(popcount)(both);
        }
    contour p_boundary = {inner ? third : p, at, 0, 0}, g_boundary = {inner ? p : g, at + vectors, 0, 0};
    if (inner) {
        BOUNDARY(inner_boundary)(p, &b, stride, e, &p_boundary);
        BOUNDARY(inner_boundary)(g, &b, stride, e, &g_boundary);
    } else {
        BOUNDARY(edge_boundary)(&b, stride, &p_boundary);
        BOUNDARY(edge_boundary)(&b, stride, &g_boundary);
    }
    out->boundary_pred = BOUNDARY(pixels)(&p_boundary);
    out->boundary_gt = BOUNDARY(pixels)(&g_boundary);
    if (out->boundary_pred && out->boundary_gt) {
        BOUNDARY(hits)(&p_boundary, &g_boundary, stride, e, n_elements, &missed, out->hit_pred);
        BOUNDARY(hits)(&g_boundary, &p_boundary, stride, e, n_elements, &missed, out->hit_gt);
    }
    return BOUNDARY_OK;
}

static int BOUNDARY(read)(const mask_text *mask, const mask_text *frame, scratch *s, run_list *out) {
    int error = read_mask(mask->text, mask->n, mask->h, mask->w, s, out);
    if (!error && (mask->h != frame->h || mask->w != frame->w))
        error = resize_mask(out, mask->h, mask->w, frame->h, frame->w);
    return error;
}

/* Counts one frame, whose size is the ground truth's. */
static int BOUNDARY(count_frame)(workspace *ws, const mask_text *pred, const mask_text *gt, const mask_text *hidden,
                            int inner, const element *e, int n_elements, counts *out, enum whose *culprit) {
    int error;
    *culprit = GT;
    if ((error = BOUNDARY(read)(gt, gt, &ws->scratch, &ws->gt)))
        return error;
    *culprit = PRED;
    if ((error = BOUNDARY(read)(pred, gt, &ws->scratch, &ws->pred)))
        return error;
    *culprit = HIDDEN;
    if (hidden && (error = BOUNDARY(read)(hidden, gt, &ws->scratch, &ws->hidden)))
        return error;
    return BOUNDARY(count_pair)(&ws->pred, &ws->gt, hidden ? &ws->hidden : NULL, gt->h, gt->w, inner, e, n_elements,
                                &ws->planes, out);
}

#undef VEC
#undef LOAD
#undef STORE
#undef BOUNDARY
#undef LANES
#undef ANY
#undef POPCOUNT
