/* YuNet's parts in 32-bit floating point: images are [height][width][channels], without a border. */

#include "kernels.h"

static inline v128_t added(v128_t sum, v128_t value, v128_t weight) {
    return wasm_f32x4_add(sum, wasm_f32x4_mul(value, weight));
}

/* 8 columns of `rows` rows: out = bias + left x right, where each row of left is `lines` pieces of `depth`
   values, and the next row begins `step` further on. */
__attribute__((always_inline)) static inline void dot_tile(const i32 rows, const f32 *const *left, i32 lines, i32 step,
                                                           i32 depth, const f32 *right, const f32 *bias, i32 columns,
                                                           f32 *out) {
    v128_t sums[4][2];
    for (i32 row = 0; row < rows; row++) sums[row][0] = sums[row][1] = wasm_f32x4_splat(0);
    for (i32 line = 0; line < lines; line++)
        for (i32 at = 0; at < depth; at++, right += columns) {
            v128_t near = wasm_v128_load(right), far = wasm_v128_load(right + 4);
            for (i32 row = 0; row < rows; row++) {
                v128_t value = wasm_v128_load32_splat(left[line] + row * step + at);
                sums[row][0] = added(sums[row][0], value, near);
                sums[row][1] = added(sums[row][1], value, far);
            }
        }
    for (i32 row = 0; row < rows; row++) {
        wasm_v128_store(out + row * columns, wasm_f32x4_add(sums[row][0], wasm_v128_load(bias)));
        wasm_v128_store(out + row * columns + 4, wasm_f32x4_add(sums[row][1], wasm_v128_load(bias + 4)));
    }
}

/* One line of `count` pixels; columns in eights. */
static void dot_line(const f32 *const *left, i32 lines, i32 step, i32 depth, const f32 *weights, const f32 *bias,
                     i32 columns, i32 count, f32 *out) {
    for (i32 column = 0; column < columns; column += 8) {
        const f32 *from[3] = {left[0], left[lines > 1], left[lines > 2 ? 2 : 0]};
        f32 *to = out + column;
        i32 pixel = 0;
        for (; pixel + 4 <= count; pixel += 4, to += 4 * columns) {
            dot_tile(4, from, lines, step, depth, weights + column, bias + column, columns, to);
            for (i32 line = 0; line < 3; line++) from[line] += 4 * step;
        }
        for (; pixel < count; pixel++, to += columns) {
            dot_tile(1, from, lines, step, depth, weights + column, bias + column, columns, to);
            for (i32 line = 0; line < 3; line++) from[line] += step;
        }
    }
}

static void relu_line(f32 *line, i32 count) {
    for (i32 i = 0; i < count; i += 4)
        wasm_v128_store(line + i, wasm_f32x4_pmax(wasm_f32x4_splat(0), wasm_v128_load(line + i)));
}

static void clear(f32 *line, i32 count) {
    for (i32 i = 0; i < count; i++) line[i] = 0;
}

/* The first convolution, 3 x 3 in steps of two: image [height][width][3] of bytes -> [height / 2][width / 2][columns],
   through a ReLU. Weights are [27][columns]; `room` is for 3 x 3 x (width + 1). */
void EXPORT(first)(const u8 *image, i32 height, i32 width, const f32 *weights, const f32 *bias, i32 columns, f32 *out,
                   f32 *room) {
    i32 count = 3 * (width + 1), made = width / 2;
    clear(room, 3 * count);
    for (i32 y = 0; y < height / 2; y++) {
        const f32 *lines[3];
        for (i32 line = 0; line < 3; line++) {
            i32 source = 2 * y + line - 1;
            f32 *to = room + (source + 3) % 3 * count;
            lines[line] = to;
            if (line) /* the first is the last of the row before */
                for (i32 i = 0; i < 3 * width; i++) to[i + 3] = image[source * 3 * width + i];
        }
        f32 *to = out + y * made * columns;
        dot_line(lines, 3, 6, 9, weights, bias, columns, made, to);
        relu_line(to, made * columns);
    }
}

/* `count` pixels of each channel by itself, from three lines that begin one pixel before. */
__attribute__((always_inline)) static inline void depth_tile(const i32 count, const f32 *const *lines, i32 at,
                                                             const f32 *weights, const f32 *bias, i32 channels,
                                                             f32 floor, f32 *out) {
    v128_t sums[4];
    for (i32 i = 0; i < count; i++) sums[i] = wasm_f32x4_splat(0);
    for (i32 line = 0; line < 3; line++, weights += 3 * channels) {
        const f32 *from = lines[line] + at;
        v128_t a = wasm_v128_load(weights), b = wasm_v128_load(weights + channels);
        v128_t c = wasm_v128_load(weights + 2 * channels);
        for (i32 i = 0; i < count + 2; i++, from += channels) {
            v128_t value = wasm_v128_load(from);
            if (i < count) sums[i] = added(sums[i], value, a);
            if (i > 0 && i <= count) sums[i - 1] = added(sums[i - 1], value, b);
            if (i > 1) sums[i - 2] = added(sums[i - 2], value, c);
        }
    }
    for (i32 i = 0; i < count; i++)
        wasm_v128_store(out + i * channels,
                        wasm_f32x4_pmax(wasm_f32x4_splat(floor), wasm_f32x4_add(sums[i], wasm_v128_load(bias))));
}

/* YuNet's unit: all channels of each pixel -> columns, then 3 x 3 pixels of each column, through a ReLU if `relu`.
   image [height][width][channels] -> out [height][width][columns]; weights [channels][columns] and [9][columns];
   `room` is for 4 x (width + 2) x columns. */
void EXPORT(unit)(const f32 *image, i32 height, i32 width, i32 channels, const f32 *weights, const f32 *bias,
                  const f32 *deep_weights, const f32 *deep_bias, i32 columns, i32 relu, f32 *out, f32 *room) {
    i32 line = (width + 2) * columns;
    f32 floor = relu ? 0 : -__builtin_inff();
    clear(room, 4 * line); /* three lines in turn, and one that stays empty */
    for (i32 y = 0; y <= height; y++) {
        const f32 *from = image + y * width * channels;
        if (y < height) dot_line(&from, 1, channels, channels, weights, bias, columns, width, room + y % 3 * line + columns);
        if (y == 0) continue;
        const f32 *empty = room + 3 * line;
        const f32 *lines[3] = {y > 1 ? room + (y - 2) % 3 * line : empty, room + (y - 1) % 3 * line,
                               y < height ? room + y % 3 * line : empty};
        f32 *to = out + (y - 1) * width * columns;
        i32 x = 0;
        for (; x + 4 <= width; x += 4)
            for (i32 column = 0; column < columns; column += 4)
                depth_tile(4, lines, x * columns + column, deep_weights + column, deep_bias + column, columns, floor,
                           to + x * columns + column);
        for (; x < width; x++)
            for (i32 column = 0; column < columns; column += 4)
                depth_tile(1, lines, x * columns + column, deep_weights + column, deep_bias + column, columns, floor,
                           to + x * columns + column);
    }
}

/* The greatest of each square of 2 x 2 pixels. */
void EXPORT(greatest)(const f32 *image, i32 height, i32 width, i32 channels, f32 *out) {
    i32 line = width * channels;
    for (i32 y = 0; y < height / 2; y++)
        for (i32 x = 0; x < width / 2; x++)
            for (i32 channel = 0; channel < channels; channel += 4, out += 4) {
                const f32 *from = image + 2 * (y * line + x * channels) + channel;
                v128_t upper = wasm_f32x4_pmax(wasm_v128_load(from), wasm_v128_load(from + channels));
                from += line;
                v128_t lower = wasm_f32x4_pmax(wasm_v128_load(from), wasm_v128_load(from + channels));
                wasm_v128_store(out, wasm_f32x4_pmax(upper, lower));
            }
}

/* image += small, each pixel of which is 2 x 2. */
void EXPORT(add_doubled)(f32 *image, const f32 *small, i32 height, i32 width, i32 channels) {
    for (i32 y = 0; y < height; y++)
        for (i32 x = 0; x < width; x++) {
            const f32 *from = small + (y / 2 * (width / 2) + x / 2) * channels;
            for (i32 channel = 0; channel < channels; channel += 4, image += 4)
                wasm_v128_store(image, wasm_f32x4_add(wasm_v128_load(image), wasm_v128_load(from + channel)));
        }
}
