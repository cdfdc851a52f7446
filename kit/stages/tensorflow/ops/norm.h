// Batch normalization after S. Ioffe and C. Szegedy (2015), arXiv:1502.03167, with the activation that follows it.
//
// Rows are taken together until one is WIDE values long, so that few channels fill a vector as well as many do. Sums run
// over BLOCK such rows and then over blocks, which keeps their rounding errors small.

constexpr Size WIDE = 256, BLOCK = 32;

// [rows, channels] seen as `rows` wide rows of `length` values, `together` rows each, and `rest` values at the end
struct Wide {
  Size together, length, rows, rest;
};
static Wide wide(Size rows, Size channels) {
  Size together = 1;
  while (channels * together < WIDE) together *= 2;
  const Size length = channels * together;
  return {together, length, rows / together, rows % together * channels};
}
static void repeat(const float* values, const Wide& w, float* to) {
  const Size channels = w.length / w.together;
  for (Size i = 0; i < w.together; i++) memcpy(to + i * channels, values, channels * sizeof(float));
}
static void fold(const float* sums, const Wide& w, float* total) {
  const Size channels = w.length / w.together;
  for (Size c = 0; c < channels; c++) total[c] = 0;
  for (Size i = 0; i < w.together; i++)
    for (Size c = 0; c < channels; c++) total[c] += sums[i * channels + c];
}

// 1 / (1 + exp(-x)): exp(x) = 2^n exp(r), |r| <= log(2) / 2, by the polynomial of the Cephes library (expf.c); 2 ulp
INLINE float sigmoid(float x) {
  float z = -x;
  z = z < -87.0f ? -87.0f : z > 87.0f ? 87.0f : z;
  const float shifted = z * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the last bits are now the whole number n
  const float n = shifted - 12582912.0f;
  const float r = (z - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const unsigned power = __builtin_bit_cast(unsigned, shifted) << 23;
  return 1.0f / (1.0f + __builtin_bit_cast(float, __builtin_bit_cast(unsigned, p) + power));
}

// Written so that a NaN stays one: training must be seen to diverge.
INLINE float clip(float x, float top) { return x < 0.0f ? 0.0f : x > top ? top : x; }

template <int A>
INLINE float activated(float z) {
  if (A == RELU) return z < 0.0f ? 0.0f : z;
  if (A == RELU6) return clip(z, 6.0f);
  if (A == HARD_SWISH) return z * (clip(z + 3.0f, 6.0f) * (1.0f / 6.0f));
  if (A == SWISH) return z * sigmoid(z);
  return z;
}

// The derivative at z times d. Products, for a choice between two loads would not become vector instructions.
template <int A>
INLINE float slope(float z, float d) {
  if (A == RELU) return d * (z > 0.0f ? 1.0f : 0.0f);
  if (A == RELU6) return d * ((z > 0.0f ? 1.0f : 0.0f) * (z < 6.0f ? 1.0f : 0.0f));
  if (A == HARD_SWISH) {
    const float inside = (z > -3.0f ? 1.0f : 0.0f) * (z < 3.0f ? 1.0f : 0.0f);
    return d * ((clip(z + 3.0f, 6.0f) + z * inside) * (1.0f / 6.0f));
  }
  if (A == SWISH) {
    const float s = sigmoid(z);
    return d * (s + z * s * (1.0f - s));
  }
  return d;
}

// b1 += sum of x - k, b2 += sum of (x - k)^2 over four wide rows, or one
INLINE void add_moments(const float* __restrict x, const float* __restrict k, Size n, float* __restrict b1,
                        float* __restrict b2) {
  for (Size i = 0; i < n; i++) {
    const float d = x[i] - k[i];
    b1[i] += d;
    b2[i] += d * d;
  }
}
INLINE void add_four_moments(const float* __restrict x, const float* __restrict k, Size n, float* __restrict b1,
                             float* __restrict b2) {
  const float *x1 = x + n, *x2 = x1 + n, *x3 = x2 + n;
  for (Size i = 0; i < n; i++) {
    const float d0 = x[i] - k[i], d1 = x1[i] - k[i], d2 = x2[i] - k[i], d3 = x3[i] - k[i];
    b1[i] += (d0 + d1) + (d2 + d3);
    b2[i] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
  }
}
INLINE void flush(Size n, float* __restrict block, float* __restrict sum) {
  for (Size i = 0; i < n; i++) {
    sum[i] += block[i];
    block[i] = 0;
  }
}

// mean and variance [channels] of x [rows, channels]; about a shift near the mean, so that little cancels
static int moments(const float* x, Size rows, Size channels, float* mean, float* variance) {
  const Wide w = wide(rows, channels);
  const Size n = w.length;
  Scratch scratch(5 * n);
  if (!scratch) return 1;
  float *k = scratch, *b1 = k + n, *b2 = b1 + n, *s1 = b2 + n, *s2 = s1 + n;
  memset(scratch, 0, 5 * n * sizeof(float));
  const Size few = least(rows, BLOCK);
  for (Size c = 0; c < channels; c++) mean[c] = 0;
  for (Size r = 0; r < few; r++)
    for (Size c = 0; c < channels; c++) mean[c] += x[r * channels + c];
  for (Size c = 0; c < channels && few; c++) mean[c] /= static_cast<float>(few);
  repeat(mean, w, k);
  for (Size r0 = 0; r0 < w.rows; r0 += BLOCK) {
    const Size end = least(r0 + BLOCK, w.rows);
    Size r = r0;
    for (; r + 4 <= end; r += 4) add_four_moments(x + r * n, k, n, b1, b2);
    for (; r < end; r++) add_moments(x + r * n, k, n, b1, b2);
    flush(n, b1, s1);
    flush(n, b2, s2);
  }
  add_moments(x + w.rows * n, k, w.rest, s1, s2);
  fold(s1, w, b1);
  fold(s2, w, b2);
  for (Size c = 0; c < channels; c++) {
    const float d = b1[c] / static_cast<float>(rows), v = b2[c] / static_cast<float>(rows) - d * d;
    mean[c] += d;
    variance[c] = v < 0 ? 0 : v;
  }
  return 0;
}

// normalized and scaled: x * scale + shift, with scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale
static void affine(const Norm* norm, Size channels, float* scale, float* shift) {
  for (Size c = 0; c < channels; c++) {
    scale[c] = norm->gamma[c] / __builtin_sqrtf(norm->variance[c] + norm->epsilon);
    shift[c] = norm->beta[c] - norm->mean[c] * scale[c];
  }
}

template <int A>
INLINE void norm_row(const float* __restrict x, const float* __restrict residual, const float* __restrict a,
                     const float* __restrict b, Size n, float* __restrict y) {
  if (residual)
    for (Size i = 0; i < n; i++) y[i] = activated<A>(x[i] * a[i] + b[i]) + residual[i];
  else
    for (Size i = 0; i < n; i++) y[i] = activated<A>(x[i] * a[i] + b[i]);
}

// y = activation(normalized x), plus the residual where there is one
template <int A>
static int norm_of(const Norm* norm, const float* x, const float* residual, Size rows, Size channels, float* y) {
  const Wide w = wide(rows, channels);
  const Size n = w.length;
  Scratch scratch(2 * n + 2 * channels);
  if (!scratch) return 1;
  float *a = scratch, *b = a + n, *scale = b + n, *shift = scale + channels;
  affine(norm, channels, scale, shift);
  repeat(scale, w, a);
  repeat(shift, w, b);
  for (Size r = 0; r < w.rows; r++) norm_row<A>(x + r * n, residual ? residual + r * n : nullptr, a, b, n, y + r * n);
  const Size done = w.rows * n;
  norm_row<A>(x + done, residual ? residual + done : nullptr, a, b, w.rest, y + done);
  return 0;
}

// With g = dy * activation'(z): b1 += sum of g, b2 += sum of g * (x - mean); g is kept in `g` where it was dear
template <int A>
INLINE void add_gradients(const float* dy, const float* __restrict x, const float* __restrict a,
                          const float* __restrict b, const float* __restrict mean, Size n, float* g,
                          float* __restrict b1, float* __restrict b2) {
#pragma clang loop vectorize(assume_safety)
  for (Size i = 0; i < n; i++) {
    const float own = slope<A>(x[i] * a[i] + b[i], dy[i]);
    if (A == SWISH) g[i] = own;
    b1[i] += own;
    b2[i] += own * (x[i] - mean[i]);
  }
}

template <int A>
INLINE void gradient_row(const float* dy, const float* __restrict x, const float* __restrict a, const float* __restrict b,
                         const float* __restrict p, const float* __restrict q, Size n, float* dx) {
#pragma clang loop vectorize(assume_safety)
  for (Size i = 0; i < n; i++) {
    const float g = A == SWISH ? dy[i] : slope<A>(x[i] * a[i] + b[i], dy[i]);
    dx[i] = g * a[i] - (x[i] * p[i] + q[i]);
  }
}

// With xh = (x - mean) / sqrt(variance + epsilon) and g as above: dbeta = sum of g, dgamma = sum of g * xh,
// dx = gamma / sqrt(variance + epsilon) * (g - (dbeta + xh * dgamma) / rows). dx may be dy.
template <int A>
static int norm_gradient_of(const Norm* norm, const float* dy, const float* x, Size rows, Size channels, float* dx,
                            float* dgamma, float* dbeta) {
  const Wide w = wide(rows, channels);
  const Size n = w.length, done = w.rows * n;
  Scratch scratch(9 * n + 2 * channels);
  if (!scratch) return 1;
  float *a = scratch, *b = a + n, *mean = b + n, *b1 = mean + n, *b2 = b1 + n, *s1 = b2 + n, *s2 = s1 + n, *p = s2 + n;
  float *q = p + n, *scale = q + n, *shift = scale + channels;
  affine(norm, channels, scale, shift);
  repeat(scale, w, a);
  repeat(shift, w, b);
  repeat(norm->mean, w, mean);
  memset(b1, 0, 4 * n * sizeof(float));
  for (Size r0 = 0; r0 < w.rows; r0 += BLOCK) {
    for (Size r = r0; r < least(r0 + BLOCK, w.rows); r++)
      add_gradients<A>(dy + r * n, x + r * n, a, b, mean, n, dx + r * n, b1, b2);
    flush(n, b1, s1);
    flush(n, b2, s2);
  }
  add_gradients<A>(dy + done, x + done, a, b, mean, w.rest, dx + done, s1, s2);
  fold(s1, w, dbeta);
  fold(s2, w, dgamma);
  for (Size c = 0; c < channels; c++) {
    const float inverse = 1.0f / __builtin_sqrtf(norm->variance[c] + norm->epsilon);
    dgamma[c] *= inverse;
    const float slope = scale[c] * inverse * dgamma[c] / static_cast<float>(rows);
    shift[c] = scale[c] * dbeta[c] / static_cast<float>(rows) - norm->mean[c] * slope;
    scale[c] = slope;
  }
  repeat(scale, w, p);
  repeat(shift, w, q);
  const float* g = A == SWISH ? dx : dy;
  for (Size r = 0; r < w.rows; r++) gradient_row<A>(g + r * n, x + r * n, a, b, p, q, n, dx + r * n);
  gradient_row<A>(g + done, x + done, a, b, p, q, w.rest, dx + done);
  return 0;
}

static int norm(const Norm* n, int activation, const float* x, const float* residual, Size rows, Size channels, float* y) {
  switch (activation) {
    case RELU: return norm_of<RELU>(n, x, residual, rows, channels, y);
    case RELU6: return norm_of<RELU6>(n, x, residual, rows, channels, y);
    case HARD_SWISH: return norm_of<HARD_SWISH>(n, x, residual, rows, channels, y);
    case SWISH: return norm_of<SWISH>(n, x, residual, rows, channels, y);
    default: return norm_of<NONE>(n, x, residual, rows, channels, y);
  }
}

static int norm_gradient(const Norm* n, int activation, const float* dy, const float* x, Size rows, Size channels,
                         float* dx, float* dgamma, float* dbeta) {
  switch (activation) {
    case RELU: return norm_gradient_of<RELU>(n, dy, x, rows, channels, dx, dgamma, dbeta);
    case RELU6: return norm_gradient_of<RELU6>(n, dy, x, rows, channels, dx, dgamma, dbeta);
    case HARD_SWISH: return norm_gradient_of<HARD_SWISH>(n, dy, x, rows, channels, dx, dgamma, dbeta);
    case SWISH: return norm_gradient_of<SWISH>(n, dy, x, rows, channels, dx, dgamma, dbeta);
    default: return norm_gradient_of<NONE>(n, dy, x, rows, channels, dx, dgamma, dbeta);
  }
}
