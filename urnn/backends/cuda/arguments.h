// What a launch hands to a kernel: one structure, whose fields are 8 bytes each, as launch.py writes them. Pairs
// are rows [Re; Im] of N numbers each, `Stored` where there is one for each step; `tables`, `biases` and `places`
// are packed as packed_tables.h says.
#pragma once

#include "complex_number.h"

namespace {

// Rows that `urnn_tables` makes of the parameters, of ROW_LENGTH complex numbers each; cuda/__init__.py holds the
// algebra. ROOTS are those of the transform's passes.
enum Row { D1, D2, D3, W1, K2, A1, A2, V1, K1, D2_PI, U2_PI, D3_SCALED, ROOTS, ROWS };
// Sums over time and samples that the backward pass leaves, rows of N real numbers.
enum Sum { THETA1, THETA2, THETA3, BIAS, V1_RE, V1_IM, U2_RE, U2_IM, SUMS };
// Inputs that are multiplied by V in the kernels of a sequence. Behind the sums, their backward pass leaves V's
// gradient: for each of FEW inputs a row of the real parts and one of the imaginary parts.
constexpr int FEW = 2, SUMS_OF_FEW = SUMS + 2 * FEW;

struct TablesArguments {
  const Real* theta;             // (3, N)
  const Real* v;                 // (2, 2 N)
  const long long* permutation;  // (N,)
  const Real* b;                 // (N,)
  Complex<double>* roots;        // (N,): for this kernel's own transforms and `urnn_finish`
  Complex<Real>* tables;         // (ROWS, ROW_LENGTH)
  Real* biases;                  // (ROW_LENGTH,)
  int* places;                   // (ROW_LENGTH,): the permutation
  Real* kept;                    // what kept.h says: (8 N,), then (N,) of 8 bytes each; null keeps nothing
  long long known;               // whether `kept` and the tables hold what a call before left there
  long long conjugated;          // whether W is that of the conjugates of v
};

struct ForwardArguments {
  const Real* h_0;       // pairs
  long long h_0_stride;  // from one sample's row to the next; 0 if they share one
  const Complex<Real>* tables;
  const Real* biases;
  const int* places;
  const Real* x;  // (T, B, inputs), read by `urnn_forward_few` alone
  const Real* V;  // (2 N, inputs), likewise
  long long inputs;
  Stored* states;  // (T, B, 2 N): V x on entry, unless that is computed here; the states on return
  Real* last;      // (B, 2 N)
  long long steps, batch;
  double epsilon;
};

struct StepArguments {
  const Real* x;  // (B, inputs), or null: `states` holds V x
  const Real* V;  // (2 N, inputs)
  long long inputs;
  const Real* h;                            // of the first sample and unit
  long long h_sample, h_unit, h_imaginary;  // from it to the next sample's, the next unit's, the imaginary part
  const Complex<Real>* tables;
  const Real* biases;
  const int* places;
  Real* states;         // (B, 2 N)
  Complex<Real>* last;  // (B, N), the same numbers, or null
  long long batch;
  double epsilon;
};

struct BackwardArguments {
  const Stored* h_0;
  long long h_0_stride;
  const Complex<Real>* tables;
  const Real* biases;
  const int* places;
  const Stored* x;  // (T, B, inputs), read by `urnn_backward` alone
  const Real* few;  // the same, read by `urnn_backward_few` alone
  const Real* V;    // (2 N, inputs)
  long long inputs;
  const Stored* states;           // (T, B, 2 N)
  const Stored* states_gradient;  // (T, B, 2 N), or null
  const Real* later;              // (B, 2 N): dL/dh of the step before `end` by later ones, or null for 0
  Real* carry;                    // (B, 2 N): the same of the step before `begin`, on return
  Stored* z_gradient;             // (end - begin, B, 2 N), by `urnn_backward` alone
  double* sums;                   // (blocks, SUMS, N) or, of few inputs, (blocks, SUMS_OF_FEW, N): added to
  long long begin, end, batch;
  double epsilon;
};

struct FinishArguments {
  const double* sums;  // (SUMS, N) or (SUMS_OF_FEW, N), over all blocks
  const Real* v;
  const long long* permutation;
  const Complex<double>* roots;
  const Real* V;         // (2 N, inputs)
  Real* V_gradient;      // of the same size; written if the sums have it, else read
  long long inputs;      // 0 leaves in theta3's gradient what V x contributed
  long long few;         // whether the sums have V's gradient
  Real* theta_gradient;  // (3, N)
  Real* v_gradient;      // (2, 2 N)
  Real* b_gradient;      // (N,)
};

}  // namespace
