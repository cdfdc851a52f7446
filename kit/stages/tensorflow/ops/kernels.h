// The kit's arithmetic, without TensorFlow: pointers and sizes. kernels.cpp is compiled once for each instruction set.
//
// Every array is float32 and dense, channels last. A map is seen as `rows` x `channels`, rows = images * height * width.
// No sum's order depends on the instruction set: vectors run along channels, and each lane adds up in the order written.
#pragma once

typedef long Size;

enum Activation { NONE, RELU, RELU6, HARD_SWISH, SWISH, ACTIVATIONS };

// c [rows, columns] = a [rows, depth] * b [depth, columns]; one stride of each operand is 1.
struct Product {
  Size rows, columns, depth;
  Size a_row, a_depth;
  Size b_depth, b_column;
};

// A kernel [kernel_height, kernel_width, channels] over maps [images, height, width, channels], zeros around them.
struct Window {
  Size images, height, width, channels, out_height, out_width;
  Size kernel_height, kernel_width, stride_height, stride_width, top, left;
};

// What a normalization multiplies and adds, [channels] each.
struct Norm {
  const float *mean, *variance, *gamma, *beta;
  float epsilon;
};

// All return 0, or 1 where there is no memory for what they keep aside.
struct Kernels {
  const char* isa;
  int (*product)(const Product*, const float* a, const float* b, float* c);
  int (*moments)(const float* x, Size rows, Size channels, float* mean, float* variance);
  int (*norm)(const Norm*, int activation, const float* x, const float* residual, Size rows, Size channels, float* y);
  int (*norm_gradient)(const Norm*, int activation, const float* dy, const float* x, Size rows, Size channels, float* dx,
                       float* dgamma, float* dbeta);
  int (*depthwise)(const Window*, const float* x, const float* w, float* y);
  int (*depthwise_gradient)(const Window*, const float* x, const float* w, const float* dy, float* dx, float* dw);
  int (*scale)(const float* x, const float* s, Size images, Size pixels, Size channels, float* y);
  int (*scale_gradient)(const float* dy, const float* x, const float* s, Size images, Size pixels, Size channels, float* dx,
                        float* ds);
  int (*patches)(const Window*, const float* x, float* y);
};

#if defined(__x86_64__)
extern const Kernels kit_kernels_sse2, kit_kernels_avx2, kit_kernels_avx512;
#else
extern const Kernels kit_kernels_portable;
#endif
