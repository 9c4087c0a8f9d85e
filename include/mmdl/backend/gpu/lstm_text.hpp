// SPDX-License-Identifier: Apache-2.0
// The kernels of a long short-term memory's steps.
#pragma once

namespace mmdl::detail {

/// A row of the output holds h, c and the gates i, f, g, o, UNITS numbers each. Thread: one unit of a sample.
inline constexpr const char* lstm_text = R"cuda(
__device__ __forceinline__ bool is_absent(const Number* mask, long long row) {
  return HAS_MASK && to_float(mask[row]) == 0.0f;
}
extern "C" __global__ void __launch_bounds__(256) lstm_step(Arguments a) {
  const long long at = (long long)blockIdx.x * 256 + threadIdx.x;
  if (at >= a.n[0]) return;
  const long long n = at / UNITS, row = n * STEPS + a.n[1];
  const int u = (int)(at % UNITS);
  Number* y = (Number*)a.p[4] + row * 6 * UNITS + u;
  float* h = (float*)a.p[5];
  float* c = (float*)a.p[6];
  if (is_absent((const Number*)a.p[3], row)) {
    put(y[0], h[at]);
    put(y[UNITS], c[at]);
    for (int gate = 2; gate < 6; ++gate) put(y[gate * UNITS], 0.0f);
    return;
  }
  const float* of_input = (const float*)a.p[0] + row * 4 * UNITS + u;
  const float* of_state = (const float*)a.p[1] + n * 4 * UNITS + u;
  const float* bias = (const float*)a.p[2] + u;
  float z[4];
  for (int gate = 0; gate < 4; ++gate)
    z[gate] = of_input[gate * UNITS] + (HAS_BEFORE ? of_state[gate * UNITS] : 0.0f) + bias[gate * UNITS];
  const float i = activate<SIGMOID>(z[0]), f = activate<SIGMOID>(z[1]), g = tanhf(z[2]), o = activate<SIGMOID>(z[3]);
  const float cell = i * g + (HAS_BEFORE ? f * c[at] : 0.0f);
  const float out = o * tanhf(cell);
  c[at] = cell;
  h[at] = out;
  put(y[0], out);
  put(y[UNITS], cell);
  put(y[2 * UNITS], i);
  put(y[3 * UNITS], f);
  put(y[4 * UNITS], g);
  put(y[5 * UNITS], o);
}
extern "C" __global__ void __launch_bounds__(256) lstm_step_gradient(Arguments a) {
  const long long at = (long long)blockIdx.x * 256 + threadIdx.x;
  if (at >= a.n[0]) return;
  const long long n = at / UNITS, t = a.n[1], row = n * STEPS + t;
  const int u = (int)(at % UNITS);
  const Number* y = (const Number*)a.p[0] + row * 6 * UNITS + u;
  const Number* dy = (const Number*)a.p[1] + row * 6 * UNITS + u;
  const Number* first_c = (const Number*)a.p[3];
  float* all = (float*)a.p[4] + row * 4 * UNITS + u;
  float* one = (float*)a.p[5] + n * 4 * UNITS + u;
  float& dh = ((float*)a.p[6])[at];
  float& dc = ((float*)a.p[7])[at];
  const float of_h = dh + ((const float*)a.p[8])[at] + to_float(dy[0]), of_c = dc + to_float(dy[UNITS]);
  float gradient[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (is_absent((const Number*)a.p[2], row)) {
    dh = of_h;
    dc = of_c;
  } else {
    const float tanh_c = tanhf(to_float(y[UNITS])), i = to_float(y[2 * UNITS]), f = to_float(y[3 * UNITS]);
    const float g = to_float(y[4 * UNITS]), o = to_float(y[5 * UNITS]);
    const float d = of_c + of_h * o * (1.0f - tanh_c * tanh_c);
    const float c_before = t > 0 ? to_float(y[UNITS - 6 * UNITS]) : HAS_STATE ? to_float(first_c[at]) : 0.0f;
    gradient[0] = d * g * i * (1.0f - i);
    gradient[1] = d * c_before * f * (1.0f - f);
    gradient[2] = d * i * (1.0f - g * g);
    gradient[3] = of_h * tanh_c * o * (1.0f - o);
    dh = 0.0f;
    dc = d * f;
  }
  for (int gate = 0; gate < 4; ++gate) {
    all[gate * UNITS] = gradient[gate];
    one[gate * UNITS] = gradient[gate];
  }
}
extern "C" __global__ void __launch_bounds__(256) lstm_states_before(Arguments a) {
  const long long at = (long long)blockIdx.x * 256 + threadIdx.x;
  if (at >= a.n[0]) return;
  const long long row = at / UNITS, n = row / STEPS, t = row % STEPS;
  const int u = (int)(at % UNITS);
  const float before = t > 0      ? to_float(((const Number*)a.p[0])[(row - 1) * 6 * UNITS + u])
                       : HAS_STATE ? to_float(((const Number*)a.p[1])[n * UNITS + u])
                                   : 0.0f;
  ((float*)a.p[2])[at] = before;
}
extern "C" __global__ void __launch_bounds__(256) lstm_put_sum(Arguments a) {
  const long long at = (long long)blockIdx.x * 256 + threadIdx.x;
  if (at >= a.n[0]) return;
  const float sum = ((const float*)a.p[0])[at] + (HAS_SECOND ? ((const float*)a.p[1])[at] : 0.0f);
  Number& to = ((Number*)a.p[2])[at];
  put(to, ACCUMULATE ? to_float(to) + sum : sum);
}
)cuda";

}  // namespace mmdl::detail
