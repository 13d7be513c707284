/* The memory of argon2id (RFC 9106), filled for one password, or for two interleaved.

   Each block of 1 KiB is made from the one before it and from an earlier one, which in most of the work only the one before
   names. A core that fills for one password therefore waits for memory again and again. Two passwords have nothing to do
   with each other: while a block of the one is computed, what the next block of the other is made from is on its way.

   Nothing but the filling is here: one lane, version 0x13. Passwords, salts, BLAKE2b and the comparison are left to Python.

   native.c includes this file once for each vector unit, with UNIT_WORDS (of 64 bits in a vector) and ON_UNIT (the attributes
   of its functions) set. native.c also gives everything that is named here a name of its own for each unit.
*/

/* Eight words, and what is done with them: the one part that knows the processor. `row_turned` moves each of four words, of
   the lower half and of the upper, so many places down; `column_turned` does so with those at 0, 1, 4, 5 and those at
   2, 3, 6, 7. */

#if UNIT_WORDS == 8

typedef uint64_t eight __attribute__((vector_size(64)));

INLINE uint64_t first_word(eight x) { return x[0]; }
INLINE eight xored(eight a, eight b) { return a ^ b; }
INLINE eight rotated(eight x, const int bits) { return x >> bits | x << (64 - bits); }

INLINE eight add_with_product(eight a, eight b) {
    const eight product = (eight)_mm512_mul_epu32((__m512i)a, (__m512i)b);
    return a + b + product + product;
}

INLINE eight row_turned(eight x, const int places) {
    return places == 1   ? PICKED(x, 1, 2, 3, 0, 5, 6, 7, 4)
           : places == 2 ? PICKED(x, 2, 3, 0, 1, 6, 7, 4, 5)
                         : PICKED(x, 3, 0, 1, 2, 7, 4, 5, 6);
}

INLINE eight column_turned(eight x, const int places) {
    return places == 1   ? PICKED(x, 1, 4, 3, 6, 5, 0, 7, 2)
           : places == 2 ? PICKED(x, 4, 5, 6, 7, 0, 1, 2, 3)
                         : PICKED(x, 5, 0, 7, 2, 1, 4, 3, 6);
}

#elif UNIT_WORDS == 4

typedef uint64_t four __attribute__((vector_size(32)));
typedef struct {
    four low, high;
} eight;

INLINE four four_rotated(four x, const int bits) {
    const __m256i by_three_bytes = _mm256_setr_epi8(
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10);
    const __m256i by_two_bytes = _mm256_setr_epi8(
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9);
    return bits == 32   ? (four)_mm256_shuffle_epi32((__m256i)x, 0xb1)
           : bits == 24 ? (four)_mm256_shuffle_epi8((__m256i)x, by_three_bytes)
           : bits == 16 ? (four)_mm256_shuffle_epi8((__m256i)x, by_two_bytes)
                        : (x >> bits | x << (64 - bits));
}

INLINE four four_add_with_product(four a, four b) {
    const four product = (four)_mm256_mul_epu32((__m256i)a, (__m256i)b);
    return a + b + product + product;
}

INLINE four four_turned(four x, const int places) {
    return places == 1   ? __builtin_shufflevector(x, x, 1, 2, 3, 0)
           : places == 2 ? __builtin_shufflevector(x, x, 2, 3, 0, 1)
                         : __builtin_shufflevector(x, x, 3, 0, 1, 2);
}

INLINE uint64_t first_word(eight x) { return x.low[0]; }
INLINE eight xored(eight a, eight b) { return (eight){a.low ^ b.low, a.high ^ b.high}; }

INLINE eight rotated(eight x, const int bits) {
    return (eight){four_rotated(x.low, bits), four_rotated(x.high, bits)};
}

INLINE eight add_with_product(eight a, eight b) {
    return (eight){four_add_with_product(a.low, b.low), four_add_with_product(a.high, b.high)};
}

INLINE eight row_turned(eight x, const int places) {
    return (eight){four_turned(x.low, places), four_turned(x.high, places)};
}

INLINE eight column_turned(eight x, const int places) {
    const four one = __builtin_shufflevector(x.low, x.high, 1, 4, 3, 6);
    const four other = __builtin_shufflevector(x.high, x.low, 1, 4, 3, 6);
    return places == 1 ? (eight){one, other} : places == 2 ? (eight){x.high, x.low} : (eight){other, one};
}

#endif

/* A block is eight rows of sixteen words. They do not lie here as the RFC counts them, but so that both halves of its
   permutation, along the rows and along the columns, find the words to mix at the same places of four vectors: vector
   4 * g + q holds words 4 * q to 4 * q + 3 of row 2 * g, and then those of row 2 * g + 1. */
typedef union {
    eight vectors[EIGHTS];
    uint64_t words[BLOCK_WORDS];
} block;

/* One password's memory, the block to combine with next, and the first word of the newest block. */
typedef struct {
    block *memory;
    uint32_t reference;
    uint64_t newest;
} chain;

static const block ZERO;

INLINE size_t place(size_t word) {
    const size_t row = word / 16, column = word % 16;
    return 8 * (4 * (row / 2) + column / 4) + 4 * (row % 2) + column % 4;
}

OUTLINE void from_standard_order(block *b) {
    const block standard = *b;
    for (size_t word = 0; word < BLOCK_WORDS; word++) b->words[place(word)] = standard.words[word];
}

OUTLINE void to_standard_order(block *b) {
    const block ours = *b;
    for (size_t word = 0; word < BLOCK_WORDS; word++) b->words[word] = ours.words[place(word)];
}

/* GB of RFC 9106 section 3.6, on eight at once. */
INLINE void mix(eight *a, eight *b, eight *c, eight *d) {
    *a = add_with_product(*a, *b);
    *d = rotated(xored(*d, *a), 32);
    *c = add_with_product(*c, *d);
    *b = rotated(xored(*b, *c), 24);
    *a = add_with_product(*a, *b);
    *d = rotated(xored(*d, *a), 16);
    *c = add_with_product(*c, *d);
    *b = rotated(xored(*b, *c), 63);
}

/* P of RFC 9106 section 3.6, on two rows, or on two columns. */
INLINE void permute_rows(eight *a, eight *b, eight *c, eight *d) { PERMUTE(row_turned) }
INLINE void permute_columns(eight *a, eight *b, eight *c, eight *d) { PERMUTE(column_turned) }

/* G of RFC 9106 section 3.5, into `next`, and over what is there if it is a later pass. Returns its first word. */
INLINE uint64_t combine(const block *previous, const block *reference, block *next, const int over) {
    block z;
    for (int i = 0; i < EIGHTS; i++) {
        z.vectors[i] = xored(previous->vectors[i], reference->vectors[i]);
        next->vectors[i] = over ? xored(next->vectors[i], z.vectors[i]) : z.vectors[i];
    }
    eight *v = z.vectors;
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) permute_rows(&v[4 * g], &v[4 * g + 1], &v[4 * g + 2], &v[4 * g + 3]);
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) permute_columns(&v[q], &v[4 + q], &v[8 + q], &v[12 + q]);
    const eight first = xored(next->vectors[0], v[0]);
    for (int i = 0; i < EIGHTS; i++) next->vectors[i] = xored(next->vectors[i], v[i]);
    return first_word(first);
}

/* 128 words that name references without a look at the password (RFC 9106 section 3.4.1.2), in standard order. */
OUTLINE void draw(block *words, uint32_t blocks, uint32_t passes, uint32_t slice, uint32_t counter) {
    block input = ZERO, half;
    const uint64_t known[] = {0, 0, slice, blocks, passes, ARGON2ID, counter}; /* pass 0, lane 0 */
    for (size_t word = 0; word < sizeof known / sizeof *known; word++) input.words[place(word)] = known[word];
    combine(&ZERO, &input, &half, 0);
    combine(&ZERO, &half, words, 0);
    to_standard_order(words);
}

/* Find the block that a word names (RFC 9106 section 3.4.2, one lane), and have it fetched. */
INLINE void aim(chain *c, uint64_t word, uint32_t blocks, uint32_t pass, uint32_t slice, uint32_t index) {
    const uint32_t segment = blocks / SLICES;
    const uint64_t area = (pass ? blocks - segment : slice * segment) + index - 1;
    const uint64_t j1 = (uint32_t)word, back = area * (j1 * j1 >> 32) >> 32;
    const uint64_t start = pass && slice + 1 < SLICES ? (slice + 1) * (uint64_t)segment : 0;
    c->reference = (uint32_t)((start + area - 1 - back) % blocks);
    for (int i = 0; i < EIGHTS; i++) __builtin_prefetch(&c->memory[c->reference].vectors[i]);
}

INLINE void fill(chain *chains, const int count, uint32_t blocks, uint32_t passes) {
    const uint32_t segment = blocks / SLICES;
    for (int k = 0; k < count; k++) {
        from_standard_order(&chains[k].memory[0]);
        from_standard_order(&chains[k].memory[1]);
        chains[k].newest = chains[k].memory[1].words[0];
    }
    block drawn;
    for (uint32_t pass = 0; pass < passes; pass++) {
        for (uint32_t slice = 0; slice < SLICES; slice++) {
            const int blind = pass == 0 && slice < SLICES / 2; /* argon2i's half of argon2id */
            const uint32_t first = pass == 0 && slice == 0 ? 2 : 0;
            if (blind) draw(&drawn, blocks, passes, slice, 1);
            for (int k = 0; k < count; k++)
                aim(&chains[k], blind ? drawn.words[first] : chains[k].newest, blocks, pass, slice, first);
            for (uint32_t index = first; index < segment; index++) {
                const uint32_t at = slice * segment + index, before = at ? at - 1 : blocks - 1, next = index + 1;
                if (blind && next % BLOCK_WORDS == 0) draw(&drawn, blocks, passes, slice, next / BLOCK_WORDS + 1);
                for (int k = 0; k < count; k++) {
                    chain *c = &chains[k];
                    c->newest = combine(&c->memory[before], &c->memory[c->reference], &c->memory[at], pass > 0);
                    if (next < segment)
                        aim(c, blind ? drawn.words[next % BLOCK_WORDS] : c->newest, blocks, pass, slice, next);
                }
            }
        }
    }
    for (int k = 0; k < count; k++) to_standard_order(&chains[k].memory[blocks - 1]);
}

/* Fill one memory, or two interleaved (`other` may be NULL). native.c has checked them. */
OUTLINE void fill_memory(void *one, void *other, uint32_t blocks, uint32_t passes) {
    chain chains[2] = {{.memory = one}, {.memory = other}};
    if (other) fill(chains, 2, blocks, passes);
    else fill(chains, 1, blocks, passes);
}
