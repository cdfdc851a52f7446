// Depthwise convolution, image by image and row by row, a few vectors of channels at a time.
//
// The forward direction and the input's gradient are one walk: every value of the result is the sum of kernel * map over the
// taps that meet the map, in the kernel's order of rows and columns.

#if defined(__AVX512F__)
constexpr int TOGETHER = 2;  // vectors
#else
constexpr int TOGETHER = 1;
#endif

// Along one axis: for result i the taps first, first + step, ... (count of them) meet source[i], source[i] + direction, ...
struct Axis {
  Size results, phases, step, direction;
  int *first, *count, *source;
};

// phases: results i and i + phases meet the same taps, where no border is near, and sources one `shift` apart
static void forward_axis(Axis* axis, Size results, Size inputs, Size kernel, Size stride, Size before) {
  *axis = {results, 1, 1, 1, axis->first, axis->count, axis->source};
  for (Size i = 0; i < results; i++) {
    const Size start = i * stride - before, first = most(0, -start), end = least(kernel, inputs - start);
    axis->first[i] = static_cast<int>(first);
    axis->count[i] = static_cast<int>(most(0, end - first));
    axis->source[i] = static_cast<int>(start + first);
  }
}
static void backward_axis(Axis* axis, Size inputs, Size results, Size kernel, Size stride, Size before) {
  *axis = {inputs, stride, stride, -1, axis->first, axis->count, axis->source};
  for (Size i = 0; i < inputs; i++) {
    Size tap = (i + before) % stride, source = (i + before) / stride, count = 0;
    if (source >= results) {
      tap += (source - results + 1) * stride;
      source = results - 1;
    }
    if (tap < kernel) count = least((kernel - tap + stride - 1) / stride, source + 1);
    axis->first[i] = static_cast<int>(tap);
    axis->count[i] = static_cast<int>(count);
    axis->source[i] = static_cast<int>(source);
  }
}

// P results, `shift` values apart in the source and `apart` in y, of V vectors; the last vector has `lanes` lanes
template <int P, int V>
INLINE void meet(const Axis& rows, const Axis& columns, Size i, Size j, Size kernel_width, Size map_width, Size channels,
                 Size shift, Size apart, const float* x, const float* w, float* y, Size lanes) {
  Vector sum[P][V] = {};
  for (int r = 0; r < rows.count[i]; r++)
    for (int c = 0; c < columns.count[j]; c++) {
      const Size row = rows.source[i] + r * rows.direction, column = columns.source[j] + c * columns.direction;
      const Size tap = (rows.first[i] + r * rows.step) * kernel_width + columns.first[j] + c * columns.step;
      const float *from = x + (row * map_width + column) * channels, *kernel = w + tap * channels;
      UNROLL for (int v = 0; v < V; v++) {
        const Size width = v + 1 < V ? LANES : lanes;
        const Vector k = load(kernel + v * LANES, width);
        UNROLL for (int p = 0; p < P; p++) sum[p][v] = fused(load(from + p * shift + v * LANES, width), k, sum[p][v]);
      }
    }
  UNROLL for (int p = 0; p < P; p++)
    UNROLL for (int v = 0; v < V; v++) store(y + p * apart + v * LANES, sum[p][v], v + 1 < V ? LANES : lanes);
}

// Whether `count` results from j on, a phase apart, meet the same taps
INLINE bool alike(const Axis& axis, Size j, Size shift, int count) {
  if (j + (count - 1) * axis.phases >= axis.results) return false;
  for (int p = 1; p < count; p++) {
    const Size other = j + p * axis.phases;
    if (axis.first[other] != axis.first[j] || axis.count[other] != axis.count[j] ||
        axis.source[other] != axis.source[j] + p * shift)
      return false;
  }
  return true;
}

template <int V>
INLINE void walk_row(const Axis& rows, const Axis& columns, Size i, Size kernel_width, Size map_width, Size channels,
                     Size shift, const float* x, const float* w, float* y, Size lanes) {
  const Size from = shift * channels, apart = columns.phases * channels;
  for (Size phase = 0; phase < columns.phases; phase++)
    for (Size j = phase, count; j < columns.results; j += count * columns.phases) {
      float* out = y + (i * columns.results + j) * channels;
      count = alike(columns, j, shift, 4) ? 4 : alike(columns, j, shift, 2) ? 2 : 1;
      if (count == 4) meet<4, V>(rows, columns, i, j, kernel_width, map_width, channels, from, apart, x, w, out, lanes);
      else if (count == 2) meet<2, V>(rows, columns, i, j, kernel_width, map_width, channels, from, apart, x, w, out, lanes);
      else meet<1, V>(rows, columns, i, j, kernel_width, map_width, channels, from, apart, x, w, out, lanes);
    }
}

INLINE void fetch(const float* from, Size count) {
  for (Size i = 0; i < count; i += LANES) __builtin_prefetch(from + i);
}

// The row of the source after the last one that result i reads
INLINE Size end_of(const Axis& rows, Size i) { return rows.source[i] + (rows.direction > 0 ? rows.count[i] : 1); }

// One image: x -> y [rows.results, columns.results, channels], row by row, each after what the next one needs is fetched:
// a few channels of every pixel are far apart, which the processor doesn't foresee. `also` is as large as y and needed later.
static void walk(const Axis& rows, const Axis& columns, Size kernel_width, Size map_height, Size map_width, Size channels,
                 Size shift, const float* x, const float* w, float* y, const float* also) {
  const Size row = columns.results * channels, from = map_width * channels;
  Size here = 0;
  for (Size i = 0; i < rows.results; i++) {
    const Size next = i + 1 < rows.results ? end_of(rows, i + 1) : map_height + end_of(rows, 0);
    if (next > here) fetch(x + here * from, (next - here) * from);
    here = most(here, next);
    fetch(y + (i + 1) * row, row);
    if (also) fetch(also + i * row, row);
    Size c = 0;
    for (; c + TOGETHER * LANES <= channels; c += TOGETHER * LANES)
      walk_row<TOGETHER>(rows, columns, i, kernel_width, map_width, channels, shift, x + c, w + c, y + c, LANES);
    for (; c + LANES <= channels; c += LANES)
      walk_row<1>(rows, columns, i, kernel_width, map_width, channels, shift, x + c, w + c, y + c, LANES);
    if (c + LANES / 2 == channels)
      walk_row<1>(rows, columns, i, kernel_width, map_width, channels, shift, x + c, w + c, y + c, LANES / 2);
    else if (c < channels)
      walk_row<1>(rows, columns, i, kernel_width, map_width, channels, shift, x + c, w + c, y + c, channels - c);
  }
}

// The two axes' tables, of `results` rows and columns
struct Axes {
  Scratch memory;
  Axis rows, columns;
  Axes(Size height, Size width) : memory(3 * (height + width)) {
    int* next = reinterpret_cast<int*>(static_cast<float*>(memory));
    rows = {0, 0, 0, 0, next, next + height, next + 2 * height};
    next += 3 * height;
    columns = {0, 0, 0, 0, next, next + width, next + 2 * width};
  }
};

static int depthwise(const Window* g, const float* x, const float* w, float* y) {
  Axes axes(g->out_height, g->out_width);
  if (!axes.memory) return 1;
  forward_axis(&axes.rows, g->out_height, g->height, g->kernel_height, g->stride_height, g->top);
  forward_axis(&axes.columns, g->out_width, g->width, g->kernel_width, g->stride_width, g->left);
  const Size map = g->height * g->width * g->channels, out = g->out_height * g->out_width * g->channels;
  for (Size n = 0; n < g->images; n++)
    walk(axes.rows, axes.columns, g->kernel_width, g->height, g->width, g->channels, g->stride_width, x + n * map, w,
         y + n * out, nullptr);
  return 0;
}

// The results of one axis for which `tap` meets the map: from.. up to, not including, to
struct Range {
  Size from, to;
};
static Range meeting(Size tap, Size before, Size stride, Size inputs, Size results) {
  const Size ahead = before - tap, last = inputs - 1 + ahead;
  const Range found = {ahead > 0 ? (ahead + stride - 1) / stride : 0, last < 0 ? 0 : least(results, last / stride + 1)};
  return found.from < found.to ? found : Range{0, 0};
}

// dw[k] += sum of x * dy over a block of results, for K taps next to each other in a kernel's row
template <int K, int V>
INLINE void correlate(const Window& g, Size tap_row, Size tap_column, Range rows, Range columns, const float* x,
                      const float* dy, float* dw, Size lanes) {
  if (rows.from >= rows.to || columns.from >= columns.to) return;
  Vector sum[K][V] = {};
  for (Size i = rows.from; i < rows.to; i++) {
    const Size row = i * g.stride_height - g.top + tap_row;
    const Size column = columns.from * g.stride_width - g.left + tap_column;
    const float *from = x + (row * g.width + column) * g.channels, *d = dy + (i * g.out_width + columns.from) * g.channels;
    for (Size j = columns.from; j < columns.to; j++, from += g.stride_width * g.channels, d += g.channels)
      UNROLL for (int v = 0; v < V; v++) {
        const Size width = v + 1 < V ? LANES : lanes;
        const Vector delta = load(d + v * LANES, width);
        UNROLL for (int k = 0; k < K; k++) sum[k][v] = fused(load(from + k * g.channels + v * LANES, width), delta, sum[k][v]);
      }
  }
  float* out = dw + (tap_row * g.kernel_width + tap_column) * g.channels;
  UNROLL for (int k = 0; k < K; k++)
    UNROLL for (int v = 0; v < V; v++) {
      const Size width = v + 1 < V ? LANES : lanes;
      float* own = out + k * g.channels + v * LANES;
      store(own, load(own, width) + sum[k][v], width);
    }
}

// Where each row and column of the kernel meets the map, and where all of its columns do
struct Meeting {
  Scratch memory;
  Range *rows, *columns, inner;
  explicit Meeting(const Window& g)
      : memory(sizeof(Range) / sizeof(float) * (g.kernel_height + g.kernel_width)), inner{0, 0} {
    if (!memory) return;
    rows = reinterpret_cast<Range*>(static_cast<float*>(memory));
    columns = rows + g.kernel_height;
    for (Size k = 0; k < g.kernel_height; k++) rows[k] = meeting(k, g.top, g.stride_height, g.height, g.out_height);
    for (Size k = 0; k < g.kernel_width; k++) columns[k] = meeting(k, g.left, g.stride_width, g.width, g.out_width);
    const Range first = columns[0], last = columns[g.kernel_width - 1];
    if (first.to && first.from < last.to) inner = {first.from, last.to};
  }
};

// One row of the kernel: K taps at once where all of them meet the map, and one by one at its edges
template <int K, int V>
INLINE void correlate_row(const Window& g, const Meeting& m, Size tap_row, const float* x, const float* dy, float* dw,
                          Size lanes) {
  const Range rows = m.rows[tap_row], inner = K == g.kernel_width ? m.inner : Range{0, 0};
  if (rows.from == rows.to) return;
  correlate<K, V>(g, tap_row, 0, rows, inner, x, dy, dw, lanes);
  for (Size k = 0; k < g.kernel_width; k++) {
    const Range all = m.columns[k];
    if (inner.from == inner.to) {
      correlate<1, V>(g, tap_row, k, rows, all, x, dy, dw, lanes);
    } else {
      correlate<1, V>(g, tap_row, k, rows, {all.from, inner.from}, x, dy, dw, lanes);
      correlate<1, V>(g, tap_row, k, rows, {inner.to, all.to}, x, dy, dw, lanes);
    }
  }
}

template <int V>
static void filter(const Window& g, const Meeting& m, const float* x, const float* dy, float* dw, Size lanes) {
  for (Size k = 0; k < g.kernel_height; k++)
    if (g.kernel_width == 3) correlate_row<3, V>(g, m, k, x, dy, dw, lanes);
    else if (g.kernel_width == 5) correlate_row<5, V>(g, m, k, x, dy, dw, lanes);
    else correlate_row<1, V>(g, m, k, x, dy, dw, lanes);
}

static int depthwise_gradient(const Window* g, const float* x, const float* w, const float* dy, float* dx, float* dw) {
  Axes axes(g->height, g->width);
  const Meeting m(*g);
  if (!axes.memory || !m.memory) return 1;
  backward_axis(&axes.rows, g->height, g->out_height, g->kernel_height, g->stride_height, g->top);
  backward_axis(&axes.columns, g->width, g->out_width, g->kernel_width, g->stride_width, g->left);
  const Size channels = g->channels, map = g->height * g->width * channels, out = g->out_height * g->out_width * channels;
  memset(dw, 0, g->kernel_height * g->kernel_width * channels * sizeof(float));
  for (Size n = 0; n < g->images; n++) {
    const float *own = x + n * map, *delta = dy + n * out;
    walk(axes.rows, axes.columns, g->kernel_width, g->out_height, g->out_width, channels, 1, delta, w, dx + n * map, own);
    Size c = 0;
    for (; c + TOGETHER * LANES <= channels; c += TOGETHER * LANES)
      filter<TOGETHER>(*g, m, own + c, delta + c, dw + c, LANES);
    for (; c + LANES <= channels; c += LANES) filter<1>(*g, m, own + c, delta + c, dw + c, LANES);
    if (c + LANES / 2 == channels) filter<1>(*g, m, own + c, delta + c, dw + c, LANES / 2);
    else if (c < channels) filter<1>(*g, m, own + c, delta + c, dw + c, channels - c);
  }
  return 0;
}
