// must not compile; the message, at most 40 lines with g++ 12, contains: operator_has_no_kernel_on_backend | Scale | GpuBackend
#include <mmdl/mmdl.hpp>
#include <mmdl/training/gpu.hpp>
using namespace mmdl;
struct Scale : OperatorLayer<Scale> {
  template <class In>
  using output = In;
  template <class T>
  static void forward(const ForwardView<T>&) {}
  template <class T>
  static void backward(const BackwardView<T>&) {}
};
int main() { Model<Scale, Shape<4>, Gpu> model; }
