/* argon2_interleaved._native: the memory of argon2id, filled by the widest vector unit that the processor has.

   One file holds a kernel for AVX-512 and one for AVX2 and asks the processor at run time. Where there is neither, and on
   other architectures, `units()` is empty and `fill` raises RuntimeError: whoever calls must have another library.
*/

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000 /* one binary for CPython 3.11 and newer */
#include <Python.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 1024
#define BLOCK_WORDS 128
#define SLICES 4
#define ARGON2ID 2 /* RFC 9106 section 3.2: the type y */
#define ALIGNMENT 64

#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
#error "argon2-interleaved needs GCC 12 or newer, or clang."
#endif

#include <immintrin.h>

#define EIGHTS (BLOCK_WORDS / 8)
#define INLINE static inline __attribute__((always_inline)) ON_UNIT
#define OUTLINE static ON_UNIT

/* The kernel's names, for each unit its own: fill_memory becomes fill_memory_avx2. */
#define JOINED_(name, unit) name##_##unit
#define JOINED(name, unit) JOINED_(name, unit)
#define OWN(name) JOINED(name, UNIT)
#define eight OWN(eight)
#define block OWN(block)
#define chain OWN(chain)
#define ZERO OWN(ZERO)
#define first_word OWN(first_word)
#define xored OWN(xored)
#define rotated OWN(rotated)
#define add_with_product OWN(add_with_product)
#define row_turned OWN(row_turned)
#define column_turned OWN(column_turned)
#define place OWN(place)
#define from_standard_order OWN(from_standard_order)
#define to_standard_order OWN(to_standard_order)
#define mix OWN(mix)
#define permute_rows OWN(permute_rows)
#define permute_columns OWN(permute_columns)
#define combine OWN(combine)
#define draw OWN(draw)
#define aim OWN(aim)
#define fill OWN(fill)
#define fill_memory OWN(fill_memory)

#define PICKED(x, ...) __builtin_shufflevector(x, x, __VA_ARGS__)

/* P of RFC 9106 section 3.6: straight down, and along the diagonals. */
#define PERMUTE(turned)                                                                                                \
    mix(a, b, c, d);                                                                                                   \
    *b = turned(*b, 1), *c = turned(*c, 2), *d = turned(*d, 3);                                                        \
    mix(a, b, c, d);                                                                                                   \
    *b = turned(*b, 3), *c = turned(*c, 2), *d = turned(*d, 1);

/* With GCC's schedule-insns what does not depend on each other stands side by side: a twelfth less with AVX-512, but more
   with AVX2. */
#if defined(__clang__)
#define SCHEDULED
#else
#define SCHEDULED __attribute__((optimize("schedule-insns")))
#endif

#define UNIT avx512f
#define UNIT_WORDS 8
#define ON_UNIT __attribute__((target("avx512f"))) SCHEDULED
#include "fill.h"
#undef UNIT
#undef UNIT_WORDS
#undef ON_UNIT

#define UNIT avx2
#define UNIT_WORDS 4
#define ON_UNIT __attribute__((target("avx2")))
#include "fill.h"
#undef UNIT
#undef UNIT_WORDS
#undef ON_UNIT

#undef block
#undef fill
#undef fill_memory

static int has_avx512f(void) { return __builtin_cpu_supports("avx512f") != 0; }
static int has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }

#endif /* x86-64 */

typedef struct {
    const char *name; /* as Linux calls it in /proc/cpuinfo */
    int (*is_here)(void);
    void (*fill)(void *one, void *other, uint32_t blocks, uint32_t passes);
} unit;

/* The widest first. */
static const unit UNITS[] = {
#if defined(__x86_64__)
    {"avx512f", has_avx512f, fill_memory_avx512f},
    {"avx2", has_avx2, fill_memory_avx2},
#endif
    {NULL, NULL, NULL},
};

PyDoc_STRVAR(units_doc,
    "units()\n\nReturn the vector units that this processor has and this file was compiled for, the widest first.");

static PyObject *units(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    PyObject *names = PyList_New(0);
    if (!names) return NULL;
    for (const unit *one = UNITS; one->name; one++) {
        if (!one->is_here()) continue;
        PyObject *name = PyUnicode_FromString(one->name);
        if (!name || PyList_Append(names, name) < 0) {
            Py_XDECREF(name);
            Py_DECREF(names);
            return NULL;
        }
        Py_DECREF(name);
    }
    PyObject *found = PyList_AsTuple(names);
    Py_DECREF(names);
    return found;
}

/* The unit of a name, or the widest one where `name` is NULL; sets an error where there is none. */
static const unit *unit_named(const char *name) {
    for (const unit *one = UNITS; one->name; one++)
        if ((!name || strcmp(name, one->name) == 0) && one->is_here()) return one;
    if (name) PyErr_Format(PyExc_ValueError, "this processor has no vector unit %.50s", name);
    else PyErr_SetString(PyExc_RuntimeError, "this processor has neither AVX-512 nor AVX2");
    return NULL;
}

static int overlap(const Py_buffer *one, const Py_buffer *other) {
    const uintptr_t a = (uintptr_t)one->buf, b = (uintptr_t)other->buf;
    return a < b + (size_t)other->len && b < a + (size_t)one->len;
}

/* Says what is wrong with the memories and passes; NULL where nothing is. */
static const char *wrong(const Py_buffer *one, const Py_buffer *other, int both, long long passes) {
    const size_t bytes = (size_t)one->len;
    if (bytes % (SLICES * BLOCK_BYTES) || bytes < 2 * SLICES * BLOCK_BYTES || bytes / BLOCK_BYTES > UINT32_MAX)
        return "a memory has a multiple of 4096 bytes, at least 8192";
    if ((uintptr_t)one->buf % ALIGNMENT || (uintptr_t)other->buf % ALIGNMENT)
        return "a memory begins at a multiple of 64";
    if (both && other->len != one->len) return "the memories differ in size";
    if (both && overlap(one, other)) return "the memories overlap";
    if (passes < 1 || passes > UINT32_MAX) return "there are 1 to 4294967295 passes";
    return NULL;
}

PyDoc_STRVAR(fill_doc,
    "fill(one, other, passes, unit=None, /)\n\n"
    "Fill a writable buffer, or two interleaved (`other` may be None), without the interpreter lock (RFC 9106 section 3.2).\n"
    "The first two blocks of each are set; its last block is the result.");

static PyObject *fill(PyObject *Py_UNUSED(module), PyObject *arguments) {
    Py_buffer one = {0}, other = {0};
    PyObject *second = NULL, *number = NULL, *done = NULL;
    const char *name = NULL, *problem = NULL;
    if (!PyArg_ParseTuple(arguments, "w*OO|z:fill", &one, &second, &number, &name)) return NULL;
    const int both = second != Py_None;
    if (both && PyObject_GetBuffer(second, &other, PyBUF_WRITABLE) < 0) goto release;
    int beyond; /* then it returns -1, which is refused as any other */
    const long long passes = PyLong_AsLongLongAndOverflow(number, &beyond);
    if (passes == -1 && PyErr_Occurred()) goto release;
    if ((problem = wrong(&one, &other, both, passes))) {
        PyErr_SetString(PyExc_ValueError, problem);
        goto release;
    }
    const unit *chosen = unit_named(name);
    if (!chosen) goto release;
    Py_BEGIN_ALLOW_THREADS
    chosen->fill(one.buf, other.buf, (uint32_t)(one.len / BLOCK_BYTES), (uint32_t)passes);
    Py_END_ALLOW_THREADS
    done = Py_NewRef(Py_None);
release:
    PyBuffer_Release(&one);
    PyBuffer_Release(&other); /* does nothing where there was none */
    return done;
}

PyDoc_STRVAR(wipe_doc, "wipe(memory, /)\n\nOverwrite a writable buffer with zeros, without the interpreter lock.");

static PyObject *wipe(PyObject *Py_UNUSED(module), PyObject *arguments) {
    Py_buffer memory;
    if (!PyArg_ParseTuple(arguments, "w*:wipe", &memory)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    memset(memory.buf, 0, (size_t)memory.len);
    __asm__ volatile("" : : "r"(memory.buf) : "memory"); /* the compiler may not leave it out */
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&memory);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"units", units, METH_NOARGS, units_doc},
    {"fill", fill, METH_VARARGS, fill_doc},
    {"wipe", wipe, METH_VARARGS, wipe_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "argon2_interleaved._native",
    .m_doc = "The memory of argon2id, filled by the widest vector unit that the processor has.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
