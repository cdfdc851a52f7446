// Matrix products after K. Goto and R. van de Geijn (2008), Anatomy of high-performance matrix multiplication.
//
// Along the depth the sum is cut into blocks of DEPTH, each added up by itself, one fused multiplication and addition
// after the other; how rows and columns are cut does not touch it.

constexpr Size DEPTH = 256, COLUMNS = 256, ROWS = 120;
#if defined(__AVX512F__)
constexpr int TILE_ROWS = 12, TILE_VECTORS = 2;
#else
constexpr int TILE_ROWS = 6, TILE_VECTORS = 1;
#endif
constexpr Size TILE_COLUMNS = TILE_VECTORS * LANES;

INLINE Vector low(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE Vector high(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// 16 x 16 values in place. Each round rotates the eight bits (row, column) of every value's position by one.
INLINE void transpose(Vector block[LANES]) {
  for (int round = 0; round < 4; round++) {
    Vector next[LANES];
    for (int i = 0; i < LANES / 2; i++) {
      next[2 * i] = low(block[i], block[i + LANES / 2]);
      next[2 * i + 1] = high(block[i], block[i + LANES / 2]);
    }
    for (int i = 0; i < LANES; i++) block[i] = next[i];
  }
}

// Rows of `width` values from `from`, `stride` apart -> rows of `padded`, zeros at their end
static void copy_rows(const float* from, Size stride, Size rows, Size width, Size padded, float* to) {
  for (Size k = 0; k < rows; k++, from += stride, to += padded)
    for (Size j = 0; j < padded; j += LANES) store(to + j, load(from + j, most(0, width - j)));
}

// [width, rows] with rows contiguous -> [rows, padded], zeros at the end of each
static void copy_transposed(const float* from, Size stride, Size rows, Size width, Size padded, float* to) {
  for (Size j = 0; j < padded; j += LANES)
    for (Size k = 0; k < rows; k += LANES) {
      Vector block[LANES];
      for (Size i = 0; i < LANES; i++)
        block[i] = j + i < width ? load(from + (j + i) * stride + k, least(LANES, rows - k)) : Vector{};
      transpose(block);
      for (Size i = 0; i < least(LANES, rows - k); i++) store(to + (k + i) * padded + j, block[i]);
    }
}

// R rows and V vectors of c: + a [R, depth] * b [depth, V * 16], the last vector with `lanes` of its lanes
template <int R, int V>
static void tile(Size depth, const float* a, Size a_row, Size a_depth, const float* b, float* c, Size c_row, Size lanes,
                 bool first) {
  Vector sum[R][V] = {};
  for (Size k = 0; k < depth; k++, a += a_depth, b += V * LANES) {
    Vector column[V];
    UNROLL for (int v = 0; v < V; v++) column[v] = load(b + v * LANES);
    UNROLL for (int r = 0; r < R; r++) {
      const Vector value = splat(a[r * a_row]);
      UNROLL for (int v = 0; v < V; v++) sum[r][v] = fused(value, column[v], sum[r][v]);
    }
  }
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++) {
      float* out = c + r * c_row + v * LANES;
      const Size width = v + 1 < V ? LANES : lanes;
      store(out, first ? sum[r][v] : load(out, width) + sum[r][v], width);
    }
}

template <int R, int V>
static Size tiles(Size rows, Size depth, const float* a, Size a_row, Size a_depth, const float* b, float* c, Size c_row,
                  Size lanes, bool first) {
  Size r = 0;
  for (; r + R <= rows; r += R)
    tile<R, V>(depth, a + r * a_row, a_row, a_depth, b, c + r * c_row, c_row, lanes, first);
  if constexpr (R > 1)
    tiles<(R > 8 ? 8 : R > 4 ? 4 : R / 2), V>(rows - r, depth, a + r * a_row, a_row, a_depth, b, c + r * c_row, c_row, lanes, first);
  return rows;
}

static int product(const Product* p, const float* a, const float* b, float* c) {
  if (p->depth == 0) memset(c, 0, p->rows * p->columns * sizeof(float));
  const Size depth_most = least(DEPTH, p->depth), width_most = (least(COLUMNS, p->columns) + LANES - 1) / LANES * LANES;
  Scratch packed(depth_most * width_most), turned(p->a_depth == 1 ? 0 : depth_most * ROWS);
  if (!packed || !turned) return 1;
  for (Size j0 = 0; j0 < p->columns; j0 += COLUMNS)
    for (Size k0 = 0; k0 < p->depth; k0 += DEPTH) {
      const Size depth = least(DEPTH, p->depth - k0), width = least(COLUMNS, p->columns - j0);
      for (Size j = 0; j < width; j += TILE_COLUMNS) {
        const Size own = least(TILE_COLUMNS, width - j), padded = (own + LANES - 1) / LANES * LANES;
        const float* from = b + k0 * p->b_depth + (j0 + j) * p->b_column;
        if (p->b_column == 1) copy_rows(from, p->b_depth, depth, own, padded, packed + j * depth);
        else copy_transposed(from, p->b_column, depth, own, padded, packed + j * depth);
      }
      for (Size i0 = 0; i0 < p->rows; i0 += ROWS) {
        const Size rows = least(ROWS, p->rows - i0);
        const float* left = a + i0 * p->a_row + k0 * p->a_depth;
        Size a_row = p->a_row, a_depth = p->a_depth;
        if (a_depth != 1) {  // rows of a next to each other: a tile reads few of them and would leave most of each line
          for (Size k = 0; k < depth; k++) memcpy(turned + k * rows, left + k * a_depth, rows * sizeof(float));
          left = turned, a_depth = rows;
        }
        for (Size j = 0; j < width; j += TILE_COLUMNS) {
          const Size own = least(TILE_COLUMNS, width - j);
          float* out = c + i0 * p->columns + j0 + j;
          if (own > LANES) {
            if constexpr (TILE_VECTORS == 2)
              tiles<TILE_ROWS, 2>(rows, depth, left, a_row, a_depth, packed + j * depth, out, p->columns, own - LANES, k0 == 0);
          } else {
            tiles<TILE_ROWS, 1>(rows, depth, left, a_row, a_depth, packed + j * depth, out, p->columns, own, k0 == 0);
          }
        }
      }
    }
  return 0;
}
