// One run of an operation as operations.cpp sees it: arrays in, arrays out, and the first error.

constexpr int MOST_INPUTS = 6, MOST_DIMENSIONS = 8;

// An input or output: its shape and its values
struct Array {
  int rank = 0;
  int64_t shape[MOST_DIMENSIONS] = {};
  float* data = nullptr;

  Size count() const {
    Size total = 1;
    for (int i = 0; i < rank; i++) total *= shape[i];
    return total;
  }
  Size last() const { return rank ? shape[rank - 1] : 1; }
  Size rows() const {
    Size total = 1;
    for (int i = 0; i + 1 < rank; i++) total *= shape[i];
    return total;
  }
  bool same(const Array& other) const {
    return rank == other.rank && memcmp(shape, other.shape, rank * sizeof shape[0]) == 0;
  }
  bool vector(Size length) const { return rank == 1 && shape[0] == length; }
};

// One run of an operation. After the first error nothing is computed, and TensorFlow is told at the end.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    if (!good()) TF_OpKernelContext_Failure(context_, status_);
    for (TF_Tensor* tensor : inputs_)
      if (tensor) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool good() const { return TF_GetCode(status_) == TF_OK; }
  bool require(bool condition, const char* message) {
    if (good() && !condition) TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
    return good();
  }
  void done(int without_memory) {
    if (good() && without_memory) TF_SetStatus(status_, TF_RESOURCE_EXHAUSTED, "no memory for an operation of the kit");
  }
  Array input(int index) {
    if (good()) TF_GetInput(context_, index, &inputs_[index], status_);
    return good() ? array(inputs_[index]) : Array{};
  }
  Array output(int index, int rank, const int64_t* shape) {
    if (!good()) return {};
    Size count = 1;
    for (int i = 0; i < rank; i++) count *= shape[i];
    return taken(TF_AllocateOutput(context_, index, TF_FLOAT, shape, rank, count * sizeof(float), status_));
  }
  Array output(int index, const Array& like) { return output(index, like.rank, like.shape); }
  // In place of input 0, where nobody else reads it
  Array output_over_first(const Array& like) {
    if (!good()) return {};
    const int candidate = 0;
    int forwarded = -1;
    return taken(TF_ForwardInputOrAllocateOutput(context_, &candidate, 1, 0, like.shape, like.rank, &forwarded, status_));
  }

 private:
  Array array(const TF_Tensor* tensor) {
    Array found;
    found.rank = TF_NumDims(tensor);
    if (!require(found.rank <= MOST_DIMENSIONS, "an operation of the kit takes at most 8 dimensions")) return {};
    for (int i = 0; i < found.rank; i++) found.shape[i] = TF_Dim(tensor, i);
    found.data = static_cast<float*>(TF_TensorData(tensor));
    return found;
  }
  Array taken(TF_Tensor* tensor) {
    if (!good()) return {};
    const Array found = array(tensor);
    TF_DeleteTensor(tensor);  // only this handle: TensorFlow keeps the output
    return found;
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  TF_Tensor* inputs_[MOST_INPUTS] = {};
};
