#include "text/float_text.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/small_float.h"

namespace gshard {
namespace {

template <class T>
void store(std::byte* out, T value) {
  std::memcpy(out, &value, sizeof(value));
}

template <class T>
double load(const std::byte* in) {
  T value;
  std::memcpy(&value, in, sizeof(value));
  return static_cast<double>(value);
}

// Significant digits that always read back as the same value.
int round_trip_digits(DType type) {
  switch (type) {
    case DType::f64:
      return 17;
    case DType::f32:
      return 9;
    case DType::f16:
      return 5;
    case DType::bf16:
      return 4;
    case DType::f8e3m4:
    case DType::f8e4m3:
    case DType::f8e4m3fn:
    case DType::f8e4m3b11fnuz:
    case DType::f8e4m3fnuz:
      return 3;
    default:
      return 2;
  }
}

void append_nan(std::string& out, DType type, const std::byte* in) {
  const std::optional<NanLayout> layout = nan_layout(type);
  uint64_t bits = 0;
  std::memcpy(&bits, in, static_cast<size_t>(bytes_of(type)));
  if (bits >> (bits_of(type) - 1) != 0 && type != DType::f8e8m0fnu) out += '-';
  out += "nan";
  if (!layout) return;
  const uint64_t payload = bits & ((uint64_t{1} << layout->mantissa_bits) - 1);
  if (payload == uint64_t{1} << (layout->mantissa_bits - 1)) return;
  char text[24];
  const auto end = std::to_chars(text, text + sizeof(text), payload, 16).ptr;
  out.append("(0x").append(text, end).append(")");
}

// As printf("%.*g") prints it.
template <class T>
char* format(char* first, char* last, T value, int digits) {
  return std::to_chars(first, last, value, std::chars_format::general, digits).ptr;
}

template <class T>
void append_shorter(std::string& out, T value, int few, int many) {
  char text[40];
  char* end = format(text, text + sizeof(text), value, few);
  T back = 0;
  std::from_chars(text, end, back);
  if (back != value) end = format(text, text + sizeof(text), value, many);
  out.append(text, end);
}

}  // namespace

void store_float(DType type, double value, std::byte* out) {
  const auto narrow = static_cast<float>(value);
  switch (type) {
    case DType::f64:
      return store(out, value);
    case DType::f32:
      return store(out, narrow);
    case DType::bf16:
      return store(out, BF16(narrow));
    case DType::f16:
      return store(out, F16(narrow));
    case DType::f8e3m4:
      return store(out, F8E3M4(value));
    case DType::f8e4m3:
      return store(out, F8E4M3(value));
    case DType::f8e4m3fn:
      return store(out, F8E4M3FN(value));
    case DType::f8e4m3b11fnuz:
      return store(out, F8E4M3B11FNUZ(value));
    case DType::f8e4m3fnuz:
      return store(out, F8E4M3FNUZ(value));
    case DType::f8e5m2:
      return store(out, F8E5M2(value));
    case DType::f8e5m2fnuz:
      return store(out, F8E5M2FNUZ(value));
    case DType::f8e8m0fnu:
      return store(out, F8E8M0FNU(value));
    case DType::f4e2m1fn:
      return store(out, F4E2M1FN(value));
    default:
      GSHARD_CHECK(false, name_of(type));
  }
}

double load_float(DType type, const std::byte* in) {
  switch (type) {
    case DType::f64:
      return load<double>(in);
    case DType::f32:
      return load<float>(in);
    case DType::bf16:
      return load<BF16>(in);
    case DType::f16:
      return load<F16>(in);
    case DType::f8e3m4:
      return load<F8E3M4>(in);
    case DType::f8e4m3:
      return load<F8E4M3>(in);
    case DType::f8e4m3fn:
      return load<F8E4M3FN>(in);
    case DType::f8e4m3b11fnuz:
      return load<F8E4M3B11FNUZ>(in);
    case DType::f8e4m3fnuz:
      return load<F8E4M3FNUZ>(in);
    case DType::f8e5m2:
      return load<F8E5M2>(in);
    case DType::f8e5m2fnuz:
      return load<F8E5M2FNUZ>(in);
    case DType::f8e8m0fnu:
      return load<F8E8M0FNU>(in);
    case DType::f4e2m1fn:
      return load<F4E2M1FN>(in);
    default:
      GSHARD_CHECK(false, name_of(type));
  }
  return 0;
}

std::optional<NanLayout> nan_layout(DType type) {
  switch (type) {
    case DType::f64:
      return NanLayout{11, 52};
    case DType::f32:
      return NanLayout{8, 23};
    case DType::f16:
      return NanLayout{5, 10};
    case DType::bf16:
      return NanLayout{8, 7};
    case DType::f8e5m2:
      return NanLayout{5, 2};
    case DType::f8e4m3:
      return NanLayout{4, 3};
    case DType::f8e3m4:
      return NanLayout{3, 4};
    default:
      return std::nullopt;
  }
}

void append_float(std::string& out, DType type, const std::byte* in) {
  const double value = load_float(type, in);
  if (std::isnan(value)) return append_nan(out, type, in);
  if (std::isinf(value)) {
    out += value < 0 ? "-inf" : "inf";
  } else if (type == DType::f32) {
    append_shorter(out, static_cast<float>(value), 6, 9);
  } else if (type == DType::f64) {
    append_shorter(out, value, 15, 17);
  } else {
    char text[40];
    out.append(text, format(text, text + sizeof(text), value, round_trip_digits(type)));
  }
}

}  // namespace gshard
