/* Fuzzes the mask core under the sanitizers: tests/fuzz/run.sh [inputs [seed]].
 *
 * Two kinds of input in turn. Hostile text (random, mutated or truncated RLE, any size) must be refused
 * or be a mask; sound masks must give, with every instruction set, the integers that counting pixel by
 * pixel gives. A disagreement aborts; the seed printed at the start repeats the run.
 */
#include <stdio.h>

#include "../../scorers/masks/boundary_core.h"

static uint64_t state;

static uint32_t random32(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1Dull) >> 32);
}

static uint32_t below(uint32_t n) { return random32() % n; }

static void fail(const char *what) {
    fprintf(stderr, "disagreement: %s\n", what);
    abort();
}

/* --- text ----------------------------------------------------------------------------------------- */

enum { TEXT_ROOM = 1 << 16, SIDE = 140 };

typedef struct {
    unsigned char *at; /* of exactly n bytes, so that reading past the end is seen */
    size_t n;
} text;

static size_t put_number(unsigned char *out, int64_t value) {
    size_t n = 0;
    int more = 1;
    while (more) {
        unsigned digit = value & 31;
        value >>= 5;
        more = (digit & 16) ? value != -1 : value != 0;
        out[n++] = (unsigned char)('0' + (digit | (more ? 32 : 0)));
    }
    return n;
}

static text encode(const unsigned char *pixels, uint32_t h, uint32_t w) {
    static unsigned char room[TEXT_ROOM * 4];
    static int64_t runs[SIDE * SIDE + 2];
    size_t k = 0, n = 0;
    unsigned char colour = 0;
    int64_t length = 0;
    for (uint32_t i = 0; i < h * w; i++) {
        if (pixels[i] != colour || below(5000) == 0) {
            runs[k++] = length; /* now and then a run is cut in two by one of no pixels */
            if (pixels[i] == colour)
                runs[k++] = 0;
            colour = pixels[i];
            length = 0;
        }
        length++;
        if (k + 3 > sizeof runs / sizeof *runs)
            break;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += runs[i];
    runs[k++] = (int64_t)h * w - sum;
    for (size_t i = 0; i < k; i++)
        n += put_number(room + n, runs[i] - (i > 2 ? runs[i - 2] : 0));
    text t = {malloc(n ? n : 1), n};
    memcpy(t.at, room, n);
    return t;
}

static void draw(unsigned char *pixels, uint32_t h, uint32_t w) {
    memset(pixels, below(8) == 0, (size_t)h * w);
    for (uint32_t shapes = below(4); shapes; shapes--) {
        uint32_t y0 = below(h), x0 = below(w), y1 = y0 + below(h - y0) + 1, x1 = x0 + below(w - x0) + 1, set = below(4) > 0;
        uint32_t kind = below(4);
        for (uint32_t x = x0; x < x1; x++)
            for (uint32_t y = y0; y < y1; y++)
                if (kind == 0 || (kind == 1 && (x + y) % 2) || (kind == 2 && below(2)) || (kind == 3 && x % 3))
                    pixels[(size_t)x * h + y] = (unsigned char)set;
    }
}

static text hostile(void) {
    unsigned char pixels[64];
    uint32_t kind = below(12); /* from 6 on a sound mask */
    size_t n = below(kind == 0 ? 300 : 40);
    if (kind < 3) {
        text t = {malloc(n ? n : 1), n};
        for (size_t i = 0; i < n; i++)
            t.at[i] = (unsigned char)(kind == 0 ? '0' + below(64) : kind == 1 ? '0' + below(8) : random32());
        return t;
    }
    draw(pixels, 8, 8);
    text t = encode(pixels, 8, 8);
    for (uint32_t times = kind < 6 ? 1 + below(3) : 0; times && t.n; times--)
        t.at[below((uint32_t)t.n)] = (unsigned char)(below(4) ? '0' + below(64) : random32());
    if (kind == 5 && t.n) { /* cut, in a block of its own so that the sanitizer guards the cut */
        text cut = {malloc(t.n), below((uint32_t)t.n)};
        unsigned char *exact = realloc(cut.at, cut.n ? cut.n : 1);
        memcpy(exact, t.at, cut.n);
        free(t.at);
        return (text){exact, cut.n};
    }
    return t;
}

/* --- counting pixel by pixel ----------------------------------------------------------------------- */

static int at(const unsigned char *m, long h, long w, long y, long x) {
    return y >= 0 && x >= 0 && y < h && x < w ? m[x * h + y] : 0;
}

static int reaches(const unsigned char *m, long h, long w, long y, long x, const element *e, int colour) {
    for (int dy = -e->radius; dy <= e->radius; dy++)
        for (int dx = e->left[dy + e->radius]; dx <= e->right[dy + e->radius]; dx++)
            if (at(m, h, w, y + dy, x + dx) == colour)
                return 1;
    return 0;
}

static void plain_boundary(const unsigned char *m, unsigned char *boundary, long h, long w, int inner, const element *e) {
    for (long x = 0; x < w; x++)
        for (long y = 0; y < h; y++) {
            int here = at(m, h, w, y, x), right = at(m, h, w, y, x + 1 < w ? x + 1 : x);
            int under = at(m, h, w, y + 1 < h ? y + 1 : y, x);
            int both = at(m, h, w, y + 1 < h ? y + 1 : y, x + 1 < w ? x + 1 : x);
            boundary[x * h + y] = (unsigned char)(inner ? here && reaches(m, h, w, y, x, e, 0)
                                                   : here != right || here != under || here != both);
        }
}

static counts plain_counts(const unsigned char *p, const unsigned char *g, long h, long w, int inner, const element *e,
                           int n_elements) {
    static unsigned char boundary_p[SIDE * SIDE], boundary_g[SIDE * SIDE];
    counts c = {0};
    plain_boundary(p, boundary_p, h, w, inner, e);
    plain_boundary(g, boundary_g, h, w, inner, e);
    for (long i = 0; i < h * w; i++) {
        c.inter += p[i] & g[i];
        c.pred += p[i];
        c.gt += g[i];
        c.boundary_pred += boundary_p[i];
        c.boundary_gt += boundary_g[i];
    }
    for (long x = 0; c.boundary_pred && c.boundary_gt && x < w; x++)
        for (long y = 0; y < h; y++) {
            for (int i = 0; i < n_elements; i++) {
                c.hit_pred[i] += boundary_p[x * h + y] && reaches(boundary_g, h, w, y, x, e + i, 1);
                c.hit_gt[i] += boundary_g[x * h + y] && reaches(boundary_p, h, w, y, x, e + i, 1);
            }
        }
    return c;
}

static void nearest(const unsigned char *m, long h, long w, unsigned char *out, long new_h, long new_w) {
    double across = (double)w / new_w, down = (double)h / new_h, sx = across * 0.5;
    for (long x = 0; x < new_w; x++, sx += across) {
        double sy = down * 0.5;
        for (long y = 0; y < new_h; y++, sy += down)
            out[x * new_h + y] = m[(long)sx * h + (long)sy];
    }
}

/* --- the two kinds of input ------------------------------------------------------------------------ */

static void random_element(element *e, int radius) {
    int lopsided = below(4) == 0;
    e->radius = radius;
    for (int dy = -e->radius; dy <= e->radius; dy++) {
        int wide = e->radius - (dy < 0 ? -dy : dy); /* a diamond, widened below where it stays nested */
        e->left[dy + e->radius] = -wide;
        e->right[dy + e->radius] = wide + lopsided;
    }
    if (below(8) == 0) { /* the outermost row of a lopsided disk is empty */
        e->left[0] = 1;
        e->right[0] = 0;
    }
    complete_element(e);
}

/* One to three elements, each of which holds those before it. */
static int random_elements(element *e, int largest) {
    int radius = (int)(below(12) ? below(7) : below(90)), n = 1 + (int)below(3);
    for (int i = 0; i < n; i++) {
        random_element(e + i, radius < largest ? radius : largest);
        radius = e[i].radius + 1 + (int)below(4);
        if (radius > largest)
            return i + 1;
    }
    return n;
}

/* The largest frames there are: all foreground against all background, or against a resized single pixel. */
static void try_largest(workspace *ws) {
    uint32_t h = below(2) ? MAX_SIDE : MAX_PIXELS / MAX_SIDE, w = MAX_PIXELS / h;
    unsigned char full[16] = "0", one[] = "01";
    size_t n = 1 + put_number(full + 1, (int64_t)h * w);
    element e[3];
    int n_elements = random_elements(e, 100);
    counts found;
    enum whose culprit;
    mask_text gt = {full, n, h, w}, pred = {one, 2, 1, 1};
    if (count_frame(ws, &pred, &gt, NULL, (int)below(2), e, n_elements, (enum core)below(fastest_core() + 1u), &found, &culprit))
        fail("the largest frame was refused");
    if (found.inter != MAX_PIXELS || found.pred != MAX_PIXELS || found.hit_gt[n_elements - 1] != found.boundary_gt)
        fail("the largest frame");
}

static int try_hostile(workspace *ws) {
    static const uint32_t odd[] = {0, 1, 10, 63, 64, 65, 8, 16384, 16385, 1u << 26, 0x80000000u, 0xFFFFFFFFu};
    text p = hostile(), g = hostile(), v = hostile();
    mask_text masks[3] = {{p.at, p.n, 8, 8}, {g.at, g.n, 8, 8}, {v.at, v.n, 8, 8}};
    for (int i = 0; i < 3; i++)
        if (below(8) == 0) {
            masks[i].h = odd[below(sizeof odd / sizeof *odd)];
            masks[i].w = odd[below(sizeof odd / sizeof *odd)];
        }
    element e[3];
    int n_elements = random_elements(e, 100);
    counts c[CORES];
    enum whose culprit;
    int inner = (int)below(2), with_void = (int)below(2), error = BOUNDARY_OK;
    for (enum core core = BASELINE; core <= fastest_core(); core++) {
        error = count_frame(ws, masks, masks + 1, with_void ? masks + 2 : NULL, inner, e, n_elements, core,
                            c + core, &culprit);
        if (!error && memcmp(c, c + core, sizeof *c))
            fail("instruction sets, on hostile text");
    }
    free(p.at);
    free(g.at);
    free(v.at);
    return error != BOUNDARY_OK;
}

static void try_sound(workspace *ws) {
    static unsigned char p[SIDE * SIDE], g[SIDE * SIDE], v[SIDE * SIDE], small[SIDE * SIDE];
    uint32_t limit = below(8) ? 24 : SIDE;
    uint32_t h = 1 + below(limit), w = 1 + below(limit), from_h = h, from_w = w;
    draw(g, h, w);
    text gt = encode(g, h, w), pred, hidden = {NULL, 0};
    if (below(4) == 0) {
        from_h = 1 + below(limit);
        from_w = 1 + below(limit);
        draw(small, from_h, from_w);
        pred = encode(small, from_h, from_w);
        nearest(small, from_h, from_w, p, h, w);
    } else {
        if (below(2)) {
            memcpy(p, g, (size_t)h * w);
            p[below(h * w)] ^= 1;
        } else {
            draw(p, h, w);
        }
        pred = encode(p, h, w);
    }
    int with_void = below(3) == 0;
    if (with_void) {
        draw(v, h, w);
        hidden = encode(v, h, w);
        for (uint32_t i = 0; i < h * w; i++) {
            p[i] &= !v[i];
            g[i] &= !v[i];
        }
    }
    element e[3];
    int inner = (int)below(2), n_elements = random_elements(e, h * w > 600 ? 8 : 100);
    counts expected = plain_counts(p, g, h, w, inner, e, n_elements), found;
    mask_text masks[3] = {{pred.at, pred.n, from_h, from_w}, {gt.at, gt.n, h, w}, {hidden.at, hidden.n, h, w}};
    enum whose culprit;
    for (enum core core = BASELINE; core <= fastest_core(); core++) {
        if (count_frame(ws, masks, masks + 1, with_void ? masks + 2 : NULL, inner, e, n_elements, core,
                        &found, &culprit))
            fail("a sound mask was refused");
        if (memcmp(&found, &expected, sizeof found)) {
            fprintf(stderr, "%s: ", CORE_NAMES[core]);
            fail("not what pixel by pixel gives");
        }
    }
    free(pred.at);
    free(gt.at);
    free(hidden.at);
}

int main(int argc, char **argv) {
    long inputs = argc > 1 ? atol(argv[1]) : 1000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    state = seed * 0x9E3779B97F4A7C15ull + 1;
    printf("%ld inputs from seed %llu, cores up to %s\n", inputs, (unsigned long long)seed, CORE_NAMES[fastest_core()]);
    long refused = 0, hostile_inputs = 0;
    workspace ws;
    memset(&ws, 0, sizeof ws);
    for (long i = 0; i < inputs; i++) {
        if (i % 1000 == 0) { /* fresh buffers, so that reading past one is not hidden by its earlier size */
            release(&ws);
            memset(&ws, 0, sizeof ws);
        }
        if (i % 200000 == 0)
            try_largest(&ws);
        if (i % 8) {
            hostile_inputs++;
            refused += try_hostile(&ws);
        } else {
            try_sound(&ws);
        }
    }
    release(&ws);
    printf("clean: %ld hostile inputs (%ld refused), %ld sound ones equal to pixel by pixel\n", hostile_inputs, refused,
           inputs - hostile_inputs);
    return 0;
}
