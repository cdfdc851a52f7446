// The arithmetic of kernels.h for the instruction set ISA, a name that the compiler is given.
#include "kernels.h"

#include <stdlib.h>

#include "vector.h"

namespace {

// Memory that a kernel keeps something in while it runs; false where there is none.
class Scratch {
 public:
  explicit Scratch(Size count) : values_(nullptr) {
    void* found = nullptr;
    if (posix_memalign(&found, sizeof(Vector), (count ? count : 1) * sizeof(float)) == 0)
      values_ = static_cast<float*>(found);
  }
  ~Scratch() { free(values_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  operator float*() const { return values_; }

 private:
  float* values_;
};

#include "depthwise.h"
#include "norm.h"
#include "product.h"

// y = x * s: x [images, pixels, channels], s [images, channels]
int scale(const float* x, const float* s, Size images, Size pixels, Size channels, float* y) {
  for (Size n = 0; n < images; n++, s += channels)
    for (Size p = 0; p < pixels; p++, x += channels, y += channels) {
      const float* __restrict from = x;
      float* __restrict to = y;
      for (Size c = 0; c < channels; c++) to[c] = from[c] * s[c];
    }
  return 0;
}

// dx = dy * s, ds = sum of dy * x over an image's pixels. dx may be dy.
int scale_gradient(const float* dy, const float* x, const float* s, Size images, Size pixels, Size channels, float* dx,
                   float* ds) {
  for (Size n = 0; n < images; n++, s += channels, ds += channels) {
    memset(ds, 0, channels * sizeof(float));
    for (Size p = 0; p < pixels; p++, dy += channels, x += channels, dx += channels) {
#pragma clang loop vectorize(assume_safety)
      for (Size c = 0; c < channels; c++) {
        const float d = dy[c];
        ds[c] += d * x[c];
        dx[c] = d * s[c];
      }
    }
  }
  return 0;
}

// What a convolution multiplies its kernel with: y [images, out_height, out_width, kernel_height, kernel_width, channels]
int patches(const Window* g, const float* x, float* y) {
  const Size length = g->kernel_width * g->channels;
  for (Size n = 0; n < g->images; n++, x += g->height * g->width * g->channels)
    for (Size i = 0; i < g->out_height; i++)
      for (Size j = 0; j < g->out_width; j++)
        for (Size k = 0; k < g->kernel_height; k++, y += length) {
          const Size row = i * g->stride_height - g->top + k, column = j * g->stride_width - g->left;
          const Size from = most(0, -column), to = least(g->kernel_width, g->width - column);
          memset(y, 0, length * sizeof(float));
          if (row >= 0 && row < g->height && from < to)
            memcpy(y + from * g->channels, x + (row * g->width + column + from) * g->channels,
                   (to - from) * g->channels * sizeof(float));
        }
  return 0;
}

}  // namespace

#define NAME_OF(isa) kit_kernels_##isa
#define NAME(isa) NAME_OF(isa)
#define TEXT_OF(isa) #isa
#define TEXT(isa) TEXT_OF(isa)
extern const Kernels NAME(ISA) = {TEXT(ISA), product, moments, norm, norm_gradient, depthwise, depthwise_gradient, scale,
                                  scale_gradient, patches};
