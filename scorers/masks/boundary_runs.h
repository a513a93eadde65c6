/* COCO RLE text -> validated column runs.
 *
 * A mask arrives as text (scorers/rle.py describes the format) from a server nobody vouches for.
 * Nothing here trusts it: the size is checked first, every run is checked before it is used, and all
 * memory reserved is linear in the text that was received plus one run per column.
 */
#ifndef BOUNDARY_RUNS_H
#define BOUNDARY_RUNS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* compiled once per instruction set, within what calls it (boundary_bits.h) */
#define INLINE static inline __attribute__((always_inline))

#define MAX_SIDE 16384u
#define MAX_PIXELS (1u << 26)
#define MAX_TEXT ((size_t)1 << 30)

enum boundary_error {
    BOUNDARY_OK,
    BOUNDARY_NO_RUNS,
    BOUNDARY_BAD_CHARACTER,
    BOUNDARY_CUT_NUMBER,
    BOUNDARY_LONG_NUMBER,
    BOUNDARY_BAD_RUN,
    BOUNDARY_BAD_SUM,
    BOUNDARY_BAD_SIZE,
    BOUNDARY_NO_MEMORY
};

/* One buffer that only grows; what it held is lost when it does. */
typedef struct {
    void *at;
    size_t bytes;
} buffer;

static int reserve(buffer *b, size_t bytes) {
    if (b->bytes >= bytes)
        return BOUNDARY_OK;
    free(b->at);
    b->bytes = bytes + bytes / 2;
    b->at = malloc(b->bytes);
    if (!b->at) {
        b->bytes = 0;
        return BOUNDARY_NO_MEMORY;
    }
    return BOUNDARY_OK;
}

/* Foreground rows y0 <= y < y1 of column x. */
typedef struct {
    uint32_t x, y0, y1;
} column_run;

/* A mask as column runs, ordered by column, and the box around them: x0 <= x < x1, y0 <= y < y1.
 * A resized mask keeps the columns of its source: `columns`, where it is not NULL, says that source
 * column x stands for the columns from columns[x] up to columns[x + 1]. */
typedef struct {
    buffer runs, tables;
    size_t n;
    uint64_t area;
    uint32_t x0, x1, y0, y1;
    const uint32_t *columns;
} run_list;

typedef struct {
    buffer text, values, lengths;
} scratch;

static void release_scratch(scratch *s) {
    free(s->text.at);
    free(s->values.at);
    free(s->lengths.at);
}

static inline uint64_t load8(const unsigned char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

#define EACH_BYTE(c) (0x0101010101010101ull * (c))

/* A number of 1 to 7 digits: 5 bits of each, the lowest first; the highest bit of all is the sign. */
INLINE int64_t long_number(const unsigned char *digits, size_t n) {
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++)
        number |= (uint64_t)(digits[i] & 31) << (5 * i);
    unsigned unused = 64 - 5 * (unsigned)n;
    return (int64_t)(number << unused) >> unused;
}

/* The text's numbers, as run lengths. On success *count of them, summing to `pixels`, lie in s->lengths. */
INLINE int read_lengths(const unsigned char *given, size_t n, uint32_t pixels, scratch *s, size_t *count) {
    if (n == 0)
        return BOUNDARY_NO_RUNS;
    if (n > MAX_TEXT)
        return BOUNDARY_BAD_SUM;
    if (reserve(&s->text, n + 72) || reserve(&s->values, n * sizeof(int16_t)) ||
        reserve(&s->lengths, n * sizeof(uint32_t)))
        return BOUNDARY_NO_MEMORY;

    /* a copy as digits of 6 bits, with room to read a few words past the end */
    unsigned char *digits = s->text.at, all = 0;
    for (size_t i = 0; i < n; i++) {
        digits[i] = (unsigned char)(given[i] - '0');
        all |= digits[i];
    }
    memset(digits + n, 0, 72);
    if (all > 63)
        return BOUNDARY_BAD_CHARACTER;
    if (digits[n - 1] & 32)
        return BOUNDARY_CUT_NUMBER;

    /* what begins at each digit if it is a number of one digit or two, as nearly all are; the highest bit of 5
     * or 10 is the sign. For all digits at once this costs less than for the first ones one by one. */
    int16_t *values = s->values.at;
    for (size_t i = 0; i < n; i++) {
        uint16_t low = digits[i] & 31, high = digits[i + 1] & 31, both = (uint16_t)(low | high << 5);
        values[i] = (int16_t)(digits[i] & 32 ? (int16_t)(both << 6) >> 6 : (int16_t)(low << 11) >> 11);
    }

    uint32_t *lengths = s->lengths.at;
    size_t k = 0, first = 0; /* numbers so far; where the current one begins */
    int64_t before = 0, two_before = 0, any = 0;
    for (size_t chunk = 0; chunk < n; chunk += 64) {
        /* bit i of `last`: digit chunk + i is the last of its number (bit 5 is clear) */
        uint64_t last = 0;
        for (int j = 0; j < 8; j++) {
            uint64_t clear = ~load8(digits + chunk + 8 * j) & EACH_BYTE(32);
            /* the multiplication gathers one bit of each byte in the top byte */
            last |= (((clear >> 5) * 0x0102040810204080ull) >> 56) << (8 * j);
        }
        if (n - chunk < 64)
            last &= (1ull << (n - chunk)) - 1;
        for (; last; last &= last - 1) {
            size_t end = chunk + (size_t)__builtin_ctzll(last) + 1;
            int64_t run = values[first];
            if (__builtin_expect(end - first > 2, 0)) {
                if (end - first > 7)
                    return BOUNDARY_LONG_NUMBER;
                run = long_number(digits + first, end - first);
            }
            run += two_before;
            two_before = before;
            before = k ? run : 0; /* the third number is no difference to the first */
            any |= run;
            lengths[k++] = (uint32_t)run;
            first = end;
        }
        /* once per chunk, which is too soon to overflow */
        if (any < 0)
            return BOUNDARY_BAD_RUN;
        if (any > 2 * (int64_t)MAX_PIXELS)
            return BOUNDARY_BAD_SUM;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += lengths[i];
    if (sum != pixels)
        return BOUNDARY_BAD_SUM;
    *count = k;
    return BOUNDARY_OK;
}

/* The runs of an h x w mask as column runs: a run that crosses into the next column is cut there. */
INLINE int read_mask(const unsigned char *text, size_t n, uint32_t h, uint32_t w, scratch *s, run_list *mask) {
    mask->n = 0;
    mask->area = 0;
    mask->columns = NULL;
    mask->x0 = mask->y0 = UINT32_MAX;
    mask->x1 = mask->y1 = 0;
    if (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE || (uint64_t)h * w > MAX_PIXELS)
        return BOUNDARY_BAD_SIZE;
    size_t count = 0;
    int error = read_lengths(text, n, h * w, s, &count);
    if (error)
        return error;
    /* at most one column run per foreground run, and one more per column it crosses into */
    if (reserve(&mask->runs, (count / 2 + w + 1) * sizeof(column_run)))
        return BOUNDARY_NO_MEMORY;

    const uint32_t *length = s->lengths.at;
    column_run *out = mask->runs.at;
    uint32_t x = 0, y = 0, top = h, bottom = 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        y += length[i];
        if (y >= h) {
            y -= h;
            x++;
            if (__builtin_expect(y >= h, 0)) {
                x += y / h;
                y %= h;
            }
        }
        uint32_t foreground = length[i + 1];
        if (!foreground)
            continue;
        mask->area += foreground;
        uint32_t stop = y + foreground;
        if (__builtin_expect(stop <= h, 1)) {
            *out++ = (column_run){x, y, stop};
            top = y < top ? y : top;
            bottom = stop > bottom ? stop : bottom;
            y = stop;
            continue;
        }
        *out++ = (column_run){x++, y, h};
        for (stop -= h; stop > h; stop -= h)
            *out++ = (column_run){x++, 0, h};
        *out++ = (column_run){x, 0, stop};
        top = 0;
        bottom = h;
        y = stop;
    }
    column_run *runs = mask->runs.at;
    mask->n = (size_t)(out - runs);
    if (mask->n) {
        mask->x0 = runs[0].x;
        mask->x1 = out[-1].x + 1;
        mask->y0 = top;
        mask->y1 = bottom;
    }
    return BOUNDARY_OK;
}

/* start[i] = the first of `after` resized indices that shows source index i or a later one, as Pillow's
 * NEAREST has it: the step is added up in double precision, which the closed formula does not equal. */
static void nearest_starts(uint32_t before, uint32_t after, uint32_t *start) {
    double step = (double)before / after, source = step * 0.5;
    uint32_t i = 0;
    for (uint32_t resized = 0; resized < after; resized++, source += step)
        while (i <= (uint32_t)source && i <= before)
            start[i++] = resized;
    while (i <= before)
        start[i++] = after;
}

/* Turns an h x w mask into its nearest-neighbour resize to new_h x new_w, in place. */
static int resize_mask(run_list *mask, uint32_t h, uint32_t w, uint32_t new_h, uint32_t new_w) {
    if (reserve(&mask->tables, ((size_t)h + w + 2) * sizeof(uint32_t)))
        return BOUNDARY_NO_MEMORY;
    uint32_t *rows = mask->tables.at, *columns = rows + h + 1;
    nearest_starts(h, new_h, rows);
    nearest_starts(w, new_w, columns);

    column_run *runs = mask->runs.at, *out = runs;
    uint32_t top = new_h, bottom = 0;
    mask->area = 0;
    for (size_t i = 0; i < mask->n; i++) {
        column_run run = {runs[i].x, rows[runs[i].y0], rows[runs[i].y1]};
        uint32_t copies = columns[run.x + 1] - columns[run.x];
        if (run.y0 >= run.y1 || !copies)
            continue;
        mask->area += (uint64_t)(run.y1 - run.y0) * copies;
        top = run.y0 < top ? run.y0 : top;
        bottom = run.y1 > bottom ? run.y1 : bottom;
        *out++ = run;
    }
    mask->columns = columns;
    mask->n = (size_t)(out - runs);
    mask->x0 = mask->y0 = UINT32_MAX;
    mask->x1 = mask->y1 = 0;
    if (mask->n) {
        mask->x0 = columns[runs[0].x];
        mask->x1 = columns[out[-1].x + 1];
        mask->y0 = top;
        mask->y1 = bottom;
    }
    return BOUNDARY_OK;
}

#endif
