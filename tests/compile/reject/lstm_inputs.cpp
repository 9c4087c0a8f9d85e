// must not compile; the message, at most 40 lines with g++ 12, contains: lstm_takes_sequence_state_mask | Lstm<8> | Shape<9>
#include <mmdl/mmdl.hpp>
using namespace mmdl;
Model<Lstm<8>, List<Shape<5, 3>, Shape<9>, Shape<8>>> model;
int main() {}
