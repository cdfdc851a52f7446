"""Compiled operations for training: their C++ (`kernels.h` says what there is), its build, and the layers that call them."""
