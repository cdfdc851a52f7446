// The kernels of kernels.h as TensorFlow operations. Every one takes and gives float32, checks its shapes, and reports
// what TensorFlow reports.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels.h"
#include "tensorflow.h"

namespace {

#include "call.h"

#if defined(__x86_64__)
// CPUID leaf 1 and 7 (Intel's manual, volume 2A), and XGETBV: which registers the system keeps. Asked by hand, because
// the compiler's __builtin_cpu_supports is not answered by zig's run-time library.
bool has(bool avx512) {
  unsigned a, b, c, d, kept, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
  if (!avx512) return (kept & 0x06) == 0x06 && (b & bit_AVX2);
  const unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
  return (kept & 0xe6) == 0xe6 && (b & wanted) == wanted;
}
#endif

// The widest instruction set that this processor has; KIT_OPS_ISA names a narrower one.
const Kernels* chosen() {
#if defined(__x86_64__)
  const char* wish = getenv("KIT_OPS_ISA");
  const Kernels* all[] = {&kit_kernels_avx512, &kit_kernels_avx2, &kit_kernels_sse2};
  const bool there[] = {has(true), has(false), true};
  for (int i = 0; i < 3; i++)
    if (there[i] && (!wish || !*wish || strcmp(wish, all[i]->isa) == 0)) return all[i];
  return nullptr;
#else
  return &kit_kernels_portable;
#endif
}
const Kernels* kernels = nullptr;

constexpr const char* NORM_ATTRIBUTES[] = {"activation", nullptr};
constexpr const char* WINDOW_ATTRIBUTES[] = {"kernel_height", "kernel_width", "stride_height", "stride_width", "top",
                                             "left", "out_height", "out_width", nullptr};
constexpr const char* PRODUCT_ATTRIBUTES[] = {"transpose_a", "transpose_b", nullptr};
constexpr const char* NO_ATTRIBUTES[] = {nullptr};

struct Attributes {
  int32_t values[8] = {};
  float epsilon = 0;
};

// The attributes `NAMES`, whole numbers; a normalization has an epsilon besides.
template <const char* const* NAMES>
void* create(TF_OpKernelConstruction* construction) {
  auto* found = static_cast<Attributes*>(calloc(1, sizeof(Attributes)));
  TF_Status* status = TF_NewStatus();
  if (!found) TF_SetStatus(status, TF_RESOURCE_EXHAUSTED, "no memory for an operation of the kit");
  for (int i = 0; NAMES[i] && TF_GetCode(status) == TF_OK; i++)
    TF_OpKernelConstruction_GetAttrInt32(construction, NAMES[i], &found->values[i], status);
  if (NAMES == NORM_ATTRIBUTES && TF_GetCode(status) == TF_OK)
    TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &found->epsilon, status);
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return found;
}

void product_operation(void* state, TF_OpKernelContext* context) {
  const auto* own = static_cast<Attributes*>(state);
  const bool turn_a = own->values[0], turn_b = own->values[1];
  Call call(context);
  const Array a = call.input(0), b = call.input(1);
  if (!call.require(a.rank == 2 && b.rank == 2, "KitProduct takes two matrices")) return;
  const int64_t shape[] = {a.shape[turn_a], b.shape[!turn_b]};
  const Size depth = a.shape[!turn_a];
  if (!call.require(depth == b.shape[turn_b], "KitProduct: the matrices do not fit each other")) return;
  const Product p = {shape[0], shape[1], depth, turn_a ? 1 : a.shape[1], turn_a ? a.shape[1] : 1,
                     turn_b ? 1 : b.shape[1], turn_b ? b.shape[1] : 1};
  const Array c = call.output(0, 2, shape);
  if (call.good()) call.done(kernels->product(&p, a.data, b.data, c.data));
}

void moments_operation(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Array x = call.input(0);
  if (!call.require(x.rank > 0 && x.count() > 0, "KitMoments needs values and a last dimension of channels")) return;
  const int64_t channels = x.last();
  const Array mean = call.output(0, 1, &channels), variance = call.output(1, 1, &channels);
  if (call.good()) call.done(kernels->moments(x.data, x.rows(), channels, mean.data, variance.data));
}

// The norm from inputs `from` (mean, variance, gamma, beta), after a check against x
Norm norm_of(Call& call, const Attributes* own, const Array& x, int from) {
  const Array mean = call.input(from), variance = call.input(from + 1), gamma = call.input(from + 2);
  const Array beta = call.input(from + 3);
  const Size channels = x.last();
  call.require(x.rank > 0 && mean.vector(channels) && variance.vector(channels) && gamma.vector(channels) &&
                   beta.vector(channels),
               "a normalization of the kit needs mean, variance, gamma and beta for each channel");
  call.require(own->values[0] >= 0 && own->values[0] < ACTIVATIONS, "the kit has no such activation");
  return {mean.data, variance.data, gamma.data, beta.data, own->epsilon};
}

template <bool ADD>
void norm_operation(void* state, TF_OpKernelContext* context) {
  const auto* own = static_cast<Attributes*>(state);
  Call call(context);
  const Array x = call.input(0), residual = ADD ? call.input(5) : Array{};
  const Norm norm = norm_of(call, own, x, 1);
  call.require(!ADD || residual.same(x), "KitNormAdd: what is added has another shape");
  const Array y = call.output(0, x);
  if (call.good())
    call.done(kernels->norm(&norm, own->values[0], x.data, ADD ? residual.data : nullptr, x.rows(), x.last(), y.data));
}

void norm_gradient_operation(void* state, TF_OpKernelContext* context) {
  const auto* own = static_cast<Attributes*>(state);
  Call call(context);
  const Array dy = call.input(0), x = call.input(1);
  const Norm norm = norm_of(call, own, x, 2);
  if (!call.require(dy.same(x) && x.count() > 0, "KitNormGradient: a gradient of another shape, or of nothing")) return;
  const int64_t channels = x.last();
  const Array dx = call.output_over_first(x), dgamma = call.output(1, 1, &channels), dbeta = call.output(2, 1, &channels);
  if (call.good())
    call.done(kernels->norm_gradient(&norm, own->values[0], dy.data, x.data, x.rows(), channels, dx.data, dgamma.data,
                                     dbeta.data));
}

Window window_of(Call& call, const Attributes* own, const Array& x) {
  const int32_t* v = own->values;
  call.require(x.rank == 4, "a convolution of the kit takes images [N, height, width, channels]");
  call.require(v[0] > 0 && v[1] > 0 && v[2] > 0 && v[3] > 0 && v[4] >= 0 && v[5] >= 0 && v[6] >= 0 && v[7] >= 0,
               "a convolution of the kit needs a kernel, strides above 0, and no negative size");
  return {x.shape[0], x.shape[1], x.shape[2], x.shape[3], v[6], v[7], v[0], v[1], v[2], v[3], v[4], v[5]};
}

bool fits(const Array& w, const Window& g) {
  return w.rank == 4 && w.shape[0] == g.kernel_height && w.shape[1] == g.kernel_width && w.shape[2] == g.channels &&
         w.shape[3] == 1;
}

void depthwise_operation(void* state, TF_OpKernelContext* context) {
  Call call(context);
  const Array x = call.input(0), w = call.input(1);
  const Window g = window_of(call, static_cast<Attributes*>(state), x);
  if (!call.require(fits(w, g), "KitDepthwise: the kernel does not fit the images")) return;
  const int64_t shape[] = {g.images, g.out_height, g.out_width, g.channels};
  const Array y = call.output(0, 4, shape);
  if (call.good()) call.done(kernels->depthwise(&g, x.data, w.data, y.data));
}

void depthwise_gradient_operation(void* state, TF_OpKernelContext* context) {
  Call call(context);
  const Array x = call.input(0), w = call.input(1), dy = call.input(2);
  const Window g = window_of(call, static_cast<Attributes*>(state), x);
  if (!call.require(fits(w, g), "KitDepthwiseGradient: the kernel does not fit the images")) return;
  const Array expected = {4, {g.images, g.out_height, g.out_width, g.channels}, nullptr};
  if (!call.require(dy.same(expected), "KitDepthwiseGradient: a gradient of another shape")) return;
  const Array dx = call.output(0, x), dw = call.output(1, w);
  if (call.good()) call.done(kernels->depthwise_gradient(&g, x.data, w.data, dy.data, dx.data, dw.data));
}

void patches_operation(void* state, TF_OpKernelContext* context) {
  Call call(context);
  const Array x = call.input(0);
  const Window g = window_of(call, static_cast<Attributes*>(state), x);
  const int64_t shape[] = {g.images * g.out_height * g.out_width, g.kernel_height * g.kernel_width * g.channels};
  const Array y = call.output(0, 2, shape);
  if (call.good()) call.done(kernels->patches(&g, x.data, y.data));
}

// x [N, ..., C] and s [N, 1, ..., C]: one factor for each image and channel
bool scales(const Array& x, const Array& s) {
  return x.rank > 1 && s.rank == x.rank && s.shape[0] == x.shape[0] && s.last() == x.last() &&
         s.count() == x.shape[0] * x.last();
}
Size pixels(const Array& x) {
  Size total = 1;
  for (int i = 1; i + 1 < x.rank; i++) total *= x.shape[i];
  return total;
}

void scale_operation(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Array x = call.input(0), s = call.input(1);
  if (!call.require(scales(x, s), "KitScale needs one factor for each image and channel")) return;
  const Array y = call.output(0, x);
  if (call.good()) call.done(kernels->scale(x.data, s.data, x.shape[0], pixels(x), x.last(), y.data));
}

void scale_gradient_operation(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Array dy = call.input(0), x = call.input(1), s = call.input(2);
  if (!call.require(scales(x, s) && dy.same(x), "KitScaleGradient: shapes do not fit each other")) return;
  const Array dx = call.output_over_first(x), ds = call.output(1, s);
  if (call.good())
    call.done(kernels->scale_gradient(dy.data, x.data, s.data, x.shape[0], pixels(x), x.last(), dx.data, ds.data));
}

// Output i has the shape of input FROM[i].
template <int... FROM>
void shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle* handle = TF_NewShapeHandle();
  constexpr int INPUTS[] = {FROM...};
  int output = 0;
  for (int from : INPUTS) {
    if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextGetInput(context, from, handle, status);
    if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output++, handle, status);
  }
  TF_DeleteShapeHandle(handle);
}

struct Operation {
  const char *name, *inputs, *outputs;
  const char* const* attributes;
  void (*shape)(TF_ShapeInferenceContext*, TF_Status*);
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
};
constexpr auto UNKNOWN = TF_ShapeInferenceContextSetUnknownShape;
constexpr Operation OPERATIONS[] = {
    {"KitProduct", "a b", "c", PRODUCT_ATTRIBUTES, UNKNOWN, create<PRODUCT_ATTRIBUTES>, product_operation},
    {"KitMoments", "x", "mean variance", NO_ATTRIBUTES, UNKNOWN, create<NO_ATTRIBUTES>, moments_operation},
    {"KitNorm", "x mean variance gamma beta", "y", NORM_ATTRIBUTES, shapes<0>, create<NORM_ATTRIBUTES>,
     norm_operation<false>},
    {"KitNormAdd", "x mean variance gamma beta residual", "y", NORM_ATTRIBUTES, shapes<0>, create<NORM_ATTRIBUTES>,
     norm_operation<true>},
    {"KitNormGradient", "dy x mean variance gamma beta", "dx dgamma dbeta", NORM_ATTRIBUTES, shapes<1, 4, 5>,
     create<NORM_ATTRIBUTES>, norm_gradient_operation},
    {"KitDepthwise", "x w", "y", WINDOW_ATTRIBUTES, UNKNOWN, create<WINDOW_ATTRIBUTES>, depthwise_operation},
    {"KitDepthwiseGradient", "x w dy", "dx dw", WINDOW_ATTRIBUTES, shapes<0, 1>, create<WINDOW_ATTRIBUTES>,
     depthwise_gradient_operation},
    {"KitPatches", "x", "y", WINDOW_ATTRIBUTES, UNKNOWN, create<WINDOW_ATTRIBUTES>, patches_operation},
    {"KitScale", "x s", "y", NO_ATTRIBUTES, shapes<0>, create<NO_ATTRIBUTES>, scale_operation},
    {"KitScaleGradient", "dy x s", "dx ds", NO_ATTRIBUTES, shapes<1, 2>, create<NO_ATTRIBUTES>, scale_gradient_operation},
};

// Calls `add` with "name: type" for each of the names in `names`.
void each(const char* names, const char* type, void (*add)(TF_OpDefinitionBuilder*, const char*),
          TF_OpDefinitionBuilder* builder) {
  while (*names) {
    const int length = static_cast<int>(strcspn(names, " "));
    char text[64];
    snprintf(text, sizeof text, "%.*s: %s", length, names, type);
    add(builder, text);
    names += length + (names[length] == ' ');
  }
}

void define(const Operation& operation, TF_Status* status) {
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(operation.name);
  each(operation.inputs, "float", TF_OpDefinitionBuilderAddInput, builder);
  each(operation.outputs, "float", TF_OpDefinitionBuilderAddOutput, builder);
  for (const char* const* name = operation.attributes; *name; name++)
    each(*name, "int", TF_OpDefinitionBuilderAddAttr, builder);
  if (operation.attributes == NORM_ATTRIBUTES) TF_OpDefinitionBuilderAddAttr(builder, "epsilon: float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, operation.shape);
  TF_RegisterOpDefinition(builder, status);
  if (TF_GetCode(status) == TF_OK)
    TF_RegisterKernelBuilder(
        operation.name, TF_NewKernelBuilder(operation.name, "CPU", operation.create, operation.compute, free), status);
}

// TensorFlow registers what is defined while it loads a library.
__attribute__((constructor)) void load() {
  kernels = chosen();
  TF_Status* status = TF_NewStatus();
  for (const Operation& operation : OPERATIONS)
    if (kernels && TF_GetCode(status) == TF_OK) define(operation, status);
  if (TF_GetCode(status) != TF_OK) fprintf(stderr, "an operation of the kit: %s\n", TF_Message(status));
  TF_DeleteStatus(status);
}

}  // namespace

// Which instruction set computes, or "" where this processor has not the one that KIT_OPS_ISA wants
extern "C" __attribute__((visibility("default"))) const char* kit_ops_isa() { return kernels ? kernels->isa : ""; }
