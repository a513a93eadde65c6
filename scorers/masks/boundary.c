/* The Python face of the counting core: scorers._boundary, in the limited API (one build for 3.11 and later).
 *
 *     counts(preds, gts, voids, inner, elements, core) -> list, per frame a tuple of 5 + 2 * len(elements) integers
 *     overlaps(frames) -> list of tuples of 2^n pixel counts, one per frame of n masks (overlap.h)
 *     variants() -> the names `core` may have here, the fastest first
 *
 * scorers/masks/boundary.py says what the integers are; masks are (h, w, counts) tuples. The interpreter lock is
 * released while an object's frames are counted. A mask that does not check raises
 * ValueError(frame, whose mask, words).
 */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "boundary_core.h"
#include "overlap.h"

/* What is wrong with a mask is said by scorers/masks/boundary.py, in the words of sightbench/rle.py. */
static const char *words(int error) { return error == BOUNDARY_NO_MEMORY ? "out of memory" : "is no mask"; }
static const char *const WHOSE[] = {[PRED] = "mask", [GT] = "ground truth", [HIDDEN] = "void mask"};

static void refuse(Py_ssize_t frame, enum whose whose, int error) {
    PyObject *args = Py_BuildValue("(nss)", frame, WHOSE[whose], words(error));
    if (args) {
        PyErr_SetObject(PyExc_ValueError, args);
        Py_DECREF(args);
    }
}

/* A side beyond 32 bits becomes 0, which read_mask refuses. */
static uint32_t side(PyObject *number) {
    long long value = PyLong_AsLongLong(number);
    if (value == -1 && PyErr_Occurred())
        PyErr_Clear();
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* Points at the text of an (h, w, counts) tuple, which must outlive the result; -1 with an exception set. */
static int mask_of(PyObject *given, mask_text *out) {
    if (!PyTuple_Check(given) || PyTuple_Size(given) != 3) {
        PyErr_SetString(PyExc_TypeError, "a mask must be a tuple (h, w, counts)");
        return -1;
    }
    out->h = side(PyTuple_GetItem(given, 0));
    out->w = side(PyTuple_GetItem(given, 1));
    PyObject *text = PyTuple_GetItem(given, 2);
    Py_ssize_t n = 0;
    if (PyUnicode_Check(text)) {
        out->text = (const unsigned char *)PyUnicode_AsUTF8AndSize(text, &n);
        if (!out->text) { /* a lone surrogate has no UTF-8; no mask holds one */
            PyErr_Clear();
            out->text = (const unsigned char *)" ";
            n = 1;
        }
    } else if (PyBytes_Check(text)) {
        char *bytes = NULL;
        if (PyBytes_AsStringAndSize(text, &bytes, &n))
            return -1;
        out->text = (const unsigned char *)bytes;
    } else {
        PyErr_SetString(PyExc_TypeError, "counts must be str or bytes");
        return -1;
    }
    out->n = (size_t)n;
    return 0;
}

static int element_of(PyObject *rows, element *out) {
    Py_ssize_t n = PyTuple_Size(rows);
    if (n < 0)
        return -1;
    if (n % 2 == 0 || n > 2 * MAX_RADIUS + 1) {
        PyErr_SetString(PyExc_TypeError, "an element must have an odd number of rows, at most 511");
        return -1;
    }
    out->radius = (int)(n / 2);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!PyArg_ParseTuple(PyTuple_GetItem(rows, i), "ii", &out->left[i], &out->right[i]))
            return -1;
        if (out->left[i] < -MAX_RADIUS || out->right[i] > MAX_RADIUS) {
            PyErr_SetString(PyExc_TypeError, "an element must reach at most 255 columns");
            return -1;
        }
    }
    complete_element(out);
    return 0;
}

/* A tuple of integers; NULL with an exception set. */
static PyObject *integers(const uint64_t *of, Py_ssize_t n) {
    PyObject *tuple = PyTuple_New(n);
    for (Py_ssize_t i = 0; tuple && i < n; i++) {
        PyObject *number = PyLong_FromUnsignedLongLong(of[i]);
        if (!number || PyTuple_SetItem(tuple, i, number)) {
            Py_DECREF(tuple);
            return NULL;
        }
    }
    return tuple;
}

static PyObject *counts_list(const counts *of, Py_ssize_t n, int n_elements) {
    PyObject *list = PyList_New(n);
    for (Py_ssize_t i = 0; list && i < n; i++) {
        uint64_t row[5 + 2 * MAX_ELEMENTS] = {of[i].inter, of[i].pred, of[i].gt, of[i].boundary_pred, of[i].boundary_gt};
        for (int e = 0; e < n_elements; e++) {
            row[5 + 2 * e] = of[i].hit_pred[e];
            row[6 + 2 * e] = of[i].hit_gt[e];
        }
        PyObject *tuple = integers(row, 5 + 2 * n_elements);
        if (!tuple || PyList_SetItem(list, i, tuple)) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyObject *py_counts(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *given[3], *shapes;
    PyObject *masks[3] = {NULL, NULL, NULL}; /* tuples of our own: nobody can change them meanwhile */
    int inner, lists = 2;
    const char *core;
    if (!PyArg_ParseTuple(args, "OOOpO!s", &given[PRED], &given[GT], &given[HIDDEN], &inner, &PyTuple_Type, &shapes,
                          &core))
        return NULL;
    enum core chosen = fastest_core();
    while (chosen > BASELINE && strcmp(core, CORE_NAMES[chosen]))
        chosen--;
    element elements[MAX_ELEMENTS];
    int n_elements = (int)PyTuple_Size(shapes);
    if (n_elements < 1 || n_elements > MAX_ELEMENTS) {
        PyErr_SetString(PyExc_TypeError, "there must be 1 to 8 elements");
        return NULL;
    }
    for (int i = 0; i < n_elements; i++)
        if (element_of(PyTuple_GetItem(shapes, i), &elements[i]))
            return NULL;
    if (given[HIDDEN] != Py_None)
        lists = 3;

    PyObject *result = NULL;
    mask_text *texts = NULL;
    counts *found = NULL;
    Py_ssize_t n = 0;
    for (int i = 0; i < lists; i++) {
        masks[i] = PySequence_Tuple(given[i]);
        if (!masks[i])
            goto done;
        if (i == 0)
            n = PyTuple_Size(masks[i]);
        else if (PyTuple_Size(masks[i]) != n) {
            PyErr_SetString(PyExc_TypeError, "there must be as many masks of each kind");
            goto done;
        }
    }
    texts = malloc(sizeof *texts * 3 * ((size_t)n + 1));
    found = malloc(sizeof *found * ((size_t)n + 1));
    if (!texts || !found) {
        PyErr_NoMemory();
        goto done;
    }
    for (int i = 0; i < lists; i++)
        for (Py_ssize_t frame = 0; frame < n; frame++)
            if (mask_of(PyTuple_GetItem(masks[i], frame), &texts[3 * frame + i]))
                goto done;

    int error = BOUNDARY_OK;
    enum whose culprit = PRED;
    Py_ssize_t frame = 0;
    Py_BEGIN_ALLOW_THREADS
    workspace ws;
    memset(&ws, 0, sizeof ws);
    for (; frame < n; frame++) {
        const mask_text *of = texts + 3 * frame;
        error = count_frame(&ws, of + PRED, of + GT, lists == 3 ? of + HIDDEN : NULL, inner, elements, n_elements, chosen,
                            found + frame, &culprit);
        if (error)
            break;
    }
    release(&ws);
    Py_END_ALLOW_THREADS
    if (error)
        refuse(frame, culprit, error);
    else
        result = counts_list(found, n, n_elements);
done:
    for (int i = 0; i < lists; i++)
        Py_XDECREF(masks[i]);
    free(texts);
    free(found);
    return result;
}

static PyObject *py_overlaps(PyObject *module, PyObject *given) {
    (void)module;
    PyObject *frames = PySequence_Tuple(given), *list = NULL;
    if (!frames)
        return NULL;
    overlay o;
    memset(&o, 0, sizeof o);
    Py_ssize_t count = PyTuple_Size(frames);
    list = PyList_New(count);
    for (Py_ssize_t frame = 0; list && frame < count; frame++) {
        PyObject *masks = PyTuple_GetItem(frames, frame), *counted = NULL;
        Py_ssize_t n = PyTuple_Check(masks) ? PyTuple_Size(masks) : 0;
        mask_text of[MAX_OVERLAID];
        const unsigned char *text[MAX_OVERLAID];
        size_t size[MAX_OVERLAID];
        uint64_t pixels[1 << MAX_OVERLAID];
        int error = BOUNDARY_OK, culprit = 0;
        if (n < 1 || n > MAX_OVERLAID) {
            PyErr_SetString(PyExc_TypeError, "a frame must be a tuple of 1 to 3 masks");
            goto failed;
        }
        for (Py_ssize_t i = 0; i < n; i++) {
            if (mask_of(PyTuple_GetItem(masks, i), &of[i]))
                goto failed;
            if (of[i].h != of[0].h || of[i].w != of[0].w) {
                PyErr_SetString(PyExc_TypeError, "the masks of a frame must be of one size");
                goto failed;
            }
            text[i] = of[i].text;
            size[i] = of[i].n;
        }
        Py_BEGIN_ALLOW_THREADS
        error = count_overlaps(&o, text, size, (int)n, of[0].h, of[0].w, pixels, &culprit);
        Py_END_ALLOW_THREADS
        if (error) {
            PyObject *args = Py_BuildValue("(nis)", frame, culprit, words(error));
            if (args) {
                PyErr_SetObject(PyExc_ValueError, args);
                Py_DECREF(args);
            }
            goto failed;
        }
        counted = integers(pixels, (Py_ssize_t)1 << n);
        if (!counted || PyList_SetItem(list, frame, counted))
            goto failed;
        continue;
    failed:
        Py_DECREF(list);
        list = NULL;
    }
    release_overlay(&o);
    Py_DECREF(frames);
    return list;
}

static PyObject *py_variants(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    enum core fastest = fastest_core();
    PyObject *names = PyTuple_New(fastest + 1);
    for (int core = fastest; names && core >= BASELINE; core--) {
        PyObject *name = PyUnicode_FromString(CORE_NAMES[core]);
        if (!name || PyTuple_SetItem(names, fastest - core, name)) {
            Py_DECREF(names);
            return NULL;
        }
    }
    return names;
}

static PyMethodDef METHODS[] = {
    {"counts", py_counts, METH_VARARGS, "counts(preds, gts, voids, inner, elements, core) -> list of tuples"},
    {"overlaps", py_overlaps, METH_O, "overlaps(frames) -> list of tuples of 2^n pixel counts"},
    {"variants", py_variants, METH_NOARGS, "variants() -> the cores of this machine, the fastest first"},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_boundary", NULL, 0, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__boundary(void) { return PyModule_Create(&MODULE); }
