// must not compile; the message, at most 40 lines with g++ 12, contains: shared_parameters_differ | Linear<4> | Shape<7>
#include <mmdl/mmdl.hpp>
using namespace mmdl;
struct Both {
  static constexpr const char* name = "both";
};
using Net = Sequential<Shared<Both, Linear<7>>, Shared<Both, Linear<4>>>;
Model<Net, Shape<3>> model;
int main() {}
