// Arrays as numpy writes them: the .npy format, alone or as a member of a .npz archive.
//
//   Literal x = to_literal(parse_npy(bytes), Shape(DType::f32, {8, 128}));
//   std::string header = npy_header(y.shape());      // then the bytes of to_npy(y)
//
// Element types that numpy has not are written as the next type that holds each value exactly: bf16 and the f8 and
// f4 types as float32, integers narrower than a byte as int8 or uint8. Reading takes that back: any array whose
// values are all exact in the wanted type (of the same class: boolean, integer, floating, complex) is taken. bf16 and
// f8 arrays of the ml_dtypes package, which numpy saves as raw bytes ('V2', 'V1'), are taken bit by bit, and so are
// their views as uint16 and uint8.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/small_vector.h"
#include "ir/literal.h"

namespace gshard {

// An array in row-major order and little-endian bytes, of numpy's type: kind 'b' boolean, 'i' and 'u' integers,
// 'f' floating, 'c' complex, 'V' raw bytes.
struct NumpyArray {
  char kind = 'f';
  int64_t item_size = 4;
  Dims dims;
  std::vector<std::byte> data;

  // "float32[8,128]", for messages.
  std::string to_string() const;
};

// Reads a whole .npy file; Fortran order and big-endian bytes are turned around. Throws Error(program) for anything
// that is no well-formed array of numbers; the caller knows which array that was.
NumpyArray parse_npy(std::vector<std::byte> bytes);

// The elements as a literal of the wanted shape. Throws Error(program) that names both shapes and the first value that
// does not fit.
Literal to_literal(const NumpyArray& array, const Shape& wanted);

// The same values in a type that numpy knows (see above).
Literal to_numpy_type(const Literal& array);
// What stands before the elements of an array in a .npy file. The type must be one that numpy knows.
std::string npy_header(const Shape& shape);

}  // namespace gshard
