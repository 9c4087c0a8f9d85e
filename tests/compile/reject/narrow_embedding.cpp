// must not compile; the message, at most 40 lines with g++ 12, contains: operator_has_no_kernel_on_backend | Embedding | BFloat16
#include <mmdl/mmdl.hpp>
using namespace mmdl;
Model<Embedding<8, 4>, Shape<5>, Cpu<BFloat16>> model;
int main() {}
