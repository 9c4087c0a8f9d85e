// must not compile; the message, at most 40 lines with g++ 12, contains: loss_has_no_kernel_on_gpu | Mine
#include <mmdl/mmdl.hpp>
#include <mmdl/training/gpu.hpp>
using namespace mmdl;
struct Mine : MeanSquaredError {};
int main() {
  Model<Linear<3>, Shape<4>, Gpu> model;
  Trainer trainer{model, Mine{}, Sgd{}};
  (void)trainer.step(Tensor<Shape<4>>(2), Tensor<Shape<3>>(2));
}
