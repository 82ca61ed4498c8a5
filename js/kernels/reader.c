/* The reader: a convolutional network in 8 bits, with the sums and the rounding of ONNX Runtime.

   Activations are u8, [height + 2][width + 2][channels], the border being the zero point: a
   convolution finds its zeros there. Sums of products are exact in 32 bits. Convolutions of 3 x 3 in
   steps of one pixel take Winograd's way, F(2 x 2, 3 x 3) in whole numbers (Lavin and Gray 2015,
   arXiv:1509.09308): 16 products for each 4 sums where 36 are plain. The transformed weights are four
   times what they are in fractions, so are the sums, and nothing is rounded. */

#include "kernels.h"

/* How 32-bit sums become u8: scaled and rounded half to even into what the convolution gives, and,
   where `relu` is set, from there into what its ReLU gives: ONNX Runtime keeps both steps. */
typedef struct {
    const i32 *bias;
    const f32 *scale; /* of each channel: input x weight / output */
    f32 zero;
    i32 relu;
    f32 given_scale, relu_scale, relu_zero;
} Rounding;

static inline v128_t clamped(v128_t value, f32 low, f32 high) {
    return wasm_f32x4_pmin(wasm_f32x4_splat(high), wasm_f32x4_pmax(wasm_f32x4_splat(low), value));
}

/* value / scale + zero in u8, as four 32-bit lanes without the zero point. */
static inline v128_t quantized(v128_t value, f32 zero) {
    return wasm_f32x4_nearest(clamped(value, -zero, 255 - zero));
}

static inline void store4(u8 *to, v128_t value, f32 zero) {
    v128_t whole = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_add(value, wasm_f32x4_splat(zero)));
    v128_t half = wasm_i16x8_narrow_i32x4(whole, whole);
    wasm_v128_store32_lane(to, wasm_u8x16_narrow_i16x8(half, half), 0);
}

/* Four sums of the channels from `channel` on. */
static inline void store_sums(u8 *to, v128_t sums, i32 channel, const Rounding *r) {
    sums = wasm_i32x4_add(sums, wasm_v128_load(r->bias + channel));
    v128_t value = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums), wasm_v128_load(r->scale + channel));
    value = quantized(value, r->zero);
    if (!r->relu) return store4(to, value, r->zero);
    value = wasm_f32x4_pmax(wasm_f32x4_splat(0), wasm_f32x4_mul(value, wasm_f32x4_splat(r->given_scale)));
    value = wasm_f32x4_div(value, wasm_f32x4_splat(r->relu_scale));
    store4(to, quantized(value, r->relu_zero), r->relu_zero);
}

/* `rows` rows of 8 columns of a product: left is [rows][depth], right [depth / 2][columns][2]. */
__attribute__((always_inline)) static inline void product_tile(const i32 rows, const i16 *left, const i16 *right,
                                                               i32 *out, i32 depth, i32 columns) {
    v128_t sums[4][2];
    for (i32 row = 0; row < rows; row++) sums[row][0] = sums[row][1] = wasm_i32x4_splat(0);
    for (i32 at = 0; at < depth; at += 2, right += 2 * columns) {
        v128_t near = wasm_v128_load(right), far = wasm_v128_load(right + 8);
        for (i32 row = 0; row < rows; row++) {
            v128_t pair = wasm_v128_load32_splat(left + row * depth + at);
            sums[row][0] = wasm_i32x4_add(sums[row][0], wasm_i32x4_dot_i16x8(pair, near));
            sums[row][1] = wasm_i32x4_add(sums[row][1], wasm_i32x4_dot_i16x8(pair, far));
        }
    }
    for (i32 row = 0; row < rows; row++) {
        wasm_v128_store(out + row * columns, sums[row][0]);
        wasm_v128_store(out + row * columns + 4, sums[row][1]);
    }
}

/* out [rows][columns] = left [rows][depth] x right; columns in eights, depth even. */
static void product(const i16 *left, const i16 *right, i32 *out, i32 rows, i32 depth, i32 columns) {
    for (i32 column = 0; column < columns; column += 8) {
        const i16 *panel = right + 2 * column;
        i32 row = 0;
        for (; row + 4 <= rows; row += 4)
            product_tile(4, left + row * depth, panel, out + row * columns + column, depth, columns);
        for (; row < rows; row++)
            product_tile(1, left + row * depth, panel, out + row * columns + column, depth, columns);
    }
}

/* ONNX's weights [columns][channels][taps] as the right side of a product, [taps x channels / 2][columns][2]. */
void EXPORT(pack)(const i8 *weights, i16 *packed, i32 columns, i32 channels, i32 taps) {
    for (i32 column = 0; column < columns; column++)
        for (i32 channel = 0; channel < channels; channel++)
            for (i32 tap = 0; tap < taps; tap++) {
                i32 depth = tap * channels + channel;
                packed[(depth / 2 * columns + column) * 2 + depth % 2] =
                    weights[(column * channels + channel) * taps + tap];
            }
}

/* Twice Winograd's transform of a line of three weights. */
static inline void transformed(const i32 *from, i32 step, i32 *to) {
    i32 a = from[0], b = from[step], c = from[2 * step];
    to[0] = 2 * a, to[1] = a + b + c, to[2] = a - b + c, to[3] = 2 * c;
}

/* ONNX's weights [columns][channels][9] as 16 right sides of products. */
void EXPORT(pack_winograd)(const i8 *weights, i16 *packed, i32 columns, i32 channels) {
    for (i32 column = 0; column < columns; column++)
        for (i32 channel = 0; channel < channels; channel++) {
            i32 plain[9], half[12], all[16];
            for (i32 tap = 0; tap < 9; tap++) plain[tap] = weights[(column * channels + channel) * 9 + tap];
            for (i32 row = 0; row < 3; row++) transformed(plain + 3 * row, 1, half + 4 * row);
            for (i32 line = 0; line < 4; line++) transformed(half + line, 4, all + 4 * line);
            for (i32 line = 0; line < 4; line++)
                for (i32 row = 0; row < 4; row++) {
                    i32 part = row * 4 + line;
                    packed[((part * channels + channel) / 2 * columns + column) * 2 + channel % 2] =
                        all[line * 4 + row];
                }
        }
}

static inline v128_t eight(const u8 *from, v128_t zero) {
    return wasm_i16x8_sub(wasm_u16x8_load8x8(from), zero);
}

/* left [16][tiles][channels]: squares of 4 x 4 pixels, two apart, transformed. */
static void spread(const u8 *image, i16 *left, i32 zero, i32 size, i32 channels) {
    i32 tiles = size * size / 4, line = (size + 2) * channels;
    v128_t zeros = wasm_i16x8_splat(zero);
    for (i32 tile = 0; tile < tiles; tile++) {
        const u8 *corner = image + (tile / (size / 2) * line + tile % (size / 2) * channels) * 2;
        for (i32 channel = 0; channel < channels; channel += 8) {
            v128_t rows[4][4];
            for (i32 x = 0; x < 4; x++) {
                const u8 *from = corner + x * channels + channel;
                v128_t a = eight(from, zeros), b = eight(from + line, zeros);
                v128_t c = eight(from + 2 * line, zeros), d = eight(from + 3 * line, zeros);
                rows[0][x] = wasm_i16x8_sub(a, c), rows[1][x] = wasm_i16x8_add(b, c);
                rows[2][x] = wasm_i16x8_sub(c, b), rows[3][x] = wasm_i16x8_sub(b, d);
            }
            i16 *to = left + tile * channels + channel;
            i32 part = tiles * channels;
            for (i32 y = 0; y < 4; y++, to += 4 * part) {
                v128_t *row = rows[y];
                wasm_v128_store(to, wasm_i16x8_sub(row[0], row[2]));
                wasm_v128_store(to + part, wasm_i16x8_add(row[1], row[2]));
                wasm_v128_store(to + 2 * part, wasm_i16x8_sub(row[2], row[1]));
                wasm_v128_store(to + 3 * part, wasm_i16x8_sub(row[1], row[3]));
            }
        }
    }
}

/* Two sums of four products. */
static inline void gathered(v128_t a, v128_t b, v128_t c, v128_t d, v128_t *first, v128_t *second) {
    *first = wasm_i32x4_add(a, wasm_i32x4_add(b, c));
    *second = wasm_i32x4_sub(b, wasm_i32x4_add(c, d));
}

/* The image from sums [16][tiles][channels]. */
static void gather(const i32 *sums, u8 *image, i32 size, i32 channels, const Rounding *rounding) {
    i32 tiles = size * size / 4, line = (size + 2) * channels, part = tiles * channels;
    for (i32 tile = 0; tile < tiles; tile++) {
        i32 top = tile / (size / 2) * 2 + 1, left = tile % (size / 2) * 2 + 1;
        u8 *corner = image + top * line + left * channels;
        for (i32 channel = 0; channel < channels; channel += 4) {
            const i32 *from = sums + tile * channels + channel;
            v128_t upper[4], lower[4], values[4];
            for (i32 x = 0; x < 4; x++) {
                const i32 *of = from + x * part;
                gathered(wasm_v128_load(of), wasm_v128_load(of + 4 * part), wasm_v128_load(of + 8 * part),
                         wasm_v128_load(of + 12 * part), upper + x, lower + x);
            }
            gathered(upper[0], upper[1], upper[2], upper[3], values, values + 1);
            gathered(lower[0], lower[1], lower[2], lower[3], values + 2, values + 3);
            for (i32 i = 0; i < 4; i++) {
                u8 *to = corner + i / 2 * line + i % 2 * channels + channel;
                store_sums(to, wasm_i32x4_shr(values[i], 2), channel, rounding);
            }
        }
    }
}

/* A convolution of 3 x 3 in steps of one: image [size + 2][size + 2][channels] -> out, as wide.
   `left` has room for 4 x size x size x channels, `sums` for as much of out's channels. */
void EXPORT(conv_winograd)(const u8 *image, i32 zero, i32 size, i32 channels, const i16 *weights, i32 columns,
                           const Rounding *rounding, u8 *out, i16 *left, i32 *sums) {
    i32 tiles = size * size / 4;
    spread(image, left, zero, size, channels);
    for (i32 part = 0; part < 16; part++)
        product(left + part * tiles * channels, weights + part * channels * columns, sums + part * tiles * columns,
                tiles, channels, columns);
    gather(sums, out, size, columns, rounding);
}

/* A convolution of 3 x 3 in steps of two, or of 1 x 1 where `taps` is 1: image [size + 2][size + 2][channels]
   -> out of `made` pixels. `left` has room for made x made x taps x channels. */
void EXPORT(conv)(const u8 *image, i32 zero, i32 size, i32 channels, const i16 *weights, i32 taps, i32 columns,
                  const Rounding *rounding, u8 *out, i32 made, i16 *left, i32 *sums) {
    i32 line = (size + 2) * channels, step = size / made;
    v128_t zeros = wasm_i16x8_splat(zero);
    i16 *to = left;
    for (i32 pixel = 0; pixel < made * made; pixel++) {
        const u8 *corner = image + pixel / made * step * line + pixel % made * step * channels;
        if (taps == 1) corner += line + channels;
        for (i32 tap = 0; tap < taps; tap++) {
            const u8 *from = corner + tap / 3 * line + tap % 3 * channels;
            for (i32 channel = 0; channel < channels; channel += 8, to += 8)
                wasm_v128_store(to, eight(from + channel, zeros));
        }
    }
    product(left, weights, sums, made * made, taps * channels, columns);
    for (i32 pixel = 0; pixel < made * made; pixel++) {
        u8 *at = out + ((pixel / made + 1) * (made + 2) + pixel % made + 1) * columns;
        for (i32 column = 0; column < columns; column += 4)
            store_sums(at + column, wasm_v128_load(sums + pixel * columns + column), column, rounding);
    }
}

/* The first convolution: crop [size][size] -> out [size + 2][size + 2][columns], through a ReLU.
   `weights` are [9][columns], `plane` has room for (size + 2) x (size + 2). */
void EXPORT(stem)(const u8 *crop, i32 size, f32 mean, f32 deviation, const f32 *weights, const f32 *bias, i32 columns,
                  f32 scale, f32 zero, u8 *out, f32 *plane) {
    i32 line = size + 2;
    for (i32 i = 0; i < line * line; i++) plane[i] = 0;
    for (i32 i = 0; i < size * size; i++)
        plane[(i / size + 1) * line + i % size + 1] = ((f32)crop[i] - mean) / deviation;
    for (i32 i = 0; i < size * size; i++) {
        const f32 *corner = plane + i / size * line + i % size;
        u8 *to = out + ((i / size + 1) * line + i % size + 1) * columns;
        for (i32 column = 0; column < columns; column += 4) {
            v128_t sum = wasm_f32x4_splat(0);
            for (i32 tap = 0; tap < 9; tap++) {
                v128_t level = wasm_v128_load32_splat(corner + tap / 3 * line + tap % 3);
                sum = wasm_f32x4_add(sum, wasm_f32x4_mul(level, wasm_v128_load(weights + tap * columns + column)));
            }
            sum = wasm_f32x4_pmax(wasm_f32x4_splat(0), wasm_f32x4_add(sum, wasm_v128_load(bias + column)));
            sum = wasm_f32x4_div(sum, wasm_f32x4_splat(scale));
            store4(to + column, quantized(sum, zero), zero);
        }
    }
}

static inline v128_t real4(const u8 *from, f32 scale, f32 zero) {
    v128_t level = wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(from)));
    v128_t value = wasm_f32x4_sub(wasm_f32x4_convert_i32x4(level), wasm_f32x4_splat(zero));
    return wasm_f32x4_mul(value, wasm_f32x4_splat(scale));
}

/* The mean of each square of 2 x 2 pixels. */
void EXPORT(pool)(const u8 *image, f32 scale, f32 zero, i32 size, i32 channels, f32 out_scale, f32 out_zero, u8 *out) {
    i32 line = (size + 2) * channels, made = size / 2;
    for (i32 i = 0; i < made * made; i++) {
        const u8 *from = image + (i / made * 2 + 1) * line + (i % made * 2 + 1) * channels;
        u8 *to = out + ((i / made + 1) * (made + 2) + i % made + 1) * channels;
        for (i32 channel = 0; channel < channels; channel += 4, from += 4) {
            v128_t sum = wasm_f32x4_add(real4(from, scale, zero), real4(from + channels, scale, zero));
            sum = wasm_f32x4_add(sum, real4(from + line, scale, zero));
            sum = wasm_f32x4_add(sum, real4(from + line + channels, scale, zero));
            sum = wasm_f32x4_div(wasm_f32x4_mul(sum, wasm_f32x4_splat(.25f)), wasm_f32x4_splat(out_scale));
            store4(to + channel, quantized(sum, out_zero), out_zero);
        }
    }
}

/* The mean of each channel. */
void EXPORT(means)(const u8 *image, f32 scale, f32 zero, i32 size, i32 channels, f32 *out) {
    for (i32 channel = 0; channel < channels; channel += 4) {
        v128_t sum = wasm_f32x4_splat(0);
        for (i32 y = 1; y <= size; y++)
            for (i32 x = 1; x <= size; x++)
                sum = wasm_f32x4_add(sum, real4(image + (y * (size + 2) + x) * channels + channel, 1, zero));
        v128_t share = wasm_f32x4_splat(scale / (f32)(size * size));
        wasm_v128_store(out + channel, wasm_f32x4_mul(sum, share));
    }
}

/* out [columns] = values [depth] x weights [depth][columns] + bias. */
void EXPORT(dense)(const f32 *values, i32 depth, const f32 *weights, const f32 *bias, i32 columns, i32 relu, f32 *out) {
    for (i32 column = 0; column < columns; column++) out[column] = bias[column];
    for (i32 row = 0; row < depth; row++)
        for (i32 column = 0; column < columns; column++) out[column] += values[row] * weights[row * columns + column];
    for (i32 column = 0; relu && column < columns; column++)
        if (!(out[column] > 0)) out[column] = 0;
}

/* The end of a block: each channel of `image` by its `share`, and what bypassed it, through a ReLU, four
   channels of one pixel. */
typedef struct {
    const u8 *image, *bypass;
    f32 scale, zero, bypass_scale, bypass_zero;
} Ends;

static inline v128_t joined4(const Ends *ends, i32 at, v128_t share) {
    v128_t value = wasm_f32x4_mul(real4(ends->image + at, ends->scale, ends->zero), share);
    value = wasm_f32x4_add(value, real4(ends->bypass + at, ends->bypass_scale, ends->bypass_zero));
    return wasm_f32x4_pmax(wasm_f32x4_splat(0), value);
}

void EXPORT(join)(const Ends *ends, const f32 *shares, i32 size, i32 channels, f32 scale, f32 zero, u8 *out) {
    for (i32 i = 0; i < size * size; i++) {
        i32 pixel = ((i / size + 1) * (size + 2) + i % size + 1) * channels;
        for (i32 channel = 0; channel < channels; channel += 4) {
            v128_t value = joined4(ends, pixel + channel, wasm_v128_load(shares + channel));
            value = wasm_f32x4_div(value, wasm_f32x4_splat(scale));
            store4(out + pixel + channel, quantized(value, zero), zero);
        }
    }
}

/* The same, and of that the mean of each channel. */
void EXPORT(join_means)(const Ends *ends, const f32 *shares, i32 size, i32 channels, f32 *out) {
    for (i32 channel = 0; channel < channels; channel += 4) {
        v128_t sum = wasm_f32x4_splat(0), share = wasm_v128_load(shares + channel);
        for (i32 y = 1; y <= size; y++)
            for (i32 x = 1; x <= size; x++)
                sum = wasm_f32x4_add(sum, joined4(ends, (y * (size + 2) + x) * channels + channel, share));
        wasm_v128_store(out + channel, wasm_f32x4_div(sum, wasm_f32x4_splat(size * size)));
    }
}
