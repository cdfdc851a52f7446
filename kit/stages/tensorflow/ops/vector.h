// Sixteen floats: one register of AVX-512, two of AVX2, four of SSE2 or NEON. The same bits in each.
#pragma once
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// Before loops over what must stay in registers
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL
#endif

constexpr Size LANES = 16;
typedef float Vector __attribute__((vector_size(64)));

INLINE Vector load(const float* p) {
  Vector v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float* p, Vector v) { memcpy(p, &v, sizeof v); }

// The first `count` lanes, zeros in the others. Half a vector is frequent: 24, 40, 72, 120, 200 channels.
INLINE Vector load(const float* p, Size count) {
  Vector v = {};
  if (count >= LANES) return load(p);
  if (count == LANES / 2) memcpy(&v, p, sizeof v / 2);
  else memcpy(&v, p, count * sizeof(float));
  return v;
}
INLINE void store(float* p, Vector v, Size count) {
  if (count >= LANES) store(p, v);
  else if (count == LANES / 2) memcpy(p, &v, sizeof v / 2);
  else memcpy(p, &v, count * sizeof(float));
}
INLINE Vector splat(float x) { return Vector{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

// a * b + c, rounded once. Without such an instruction: the product is exact in double, the sum is rounded to odd (S. Boldo
// and G. Melquiond, 2008, Emulation of a FMA and correctly rounded sums), and what is lost then does not touch the result.
#if defined(__x86_64__) && !defined(__FMA__)
typedef double Doubles __attribute__((vector_size(128)));
typedef long long Bits __attribute__((vector_size(128)));

INLINE Vector fused(Vector a, Vector b, Vector c) {
  const Doubles product = __builtin_convertvector(a, Doubles) * __builtin_convertvector(b, Doubles);
  const Doubles other = __builtin_convertvector(c, Doubles), sum = product + other;
  const Doubles part = sum - product, lost = (product - (sum - part)) + (other - part);
  const Bits bits = (Bits)sum, even = (bits & 1) - 1;  // all ones where the last bit is 0
  const Bits away = (Bits)(lost > 0.0) & ((bits < 0) | 1), toward = (Bits)(lost < 0.0) & -((bits < 0) | 1);
  return __builtin_convertvector((Doubles)(bits + (even & (away | toward))), Vector);
}
#elif defined(__clang__)
INLINE Vector fused(Vector a, Vector b, Vector c) { return __builtin_elementwise_fma(a, b, c); }
#else
INLINE Vector fused(Vector a, Vector b, Vector c) {
  for (int i = 0; i < LANES; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
}
#endif

INLINE Size least(Size a, Size b) { return a < b ? a : b; }
INLINE Size most(Size a, Size b) { return a > b ? a : b; }
