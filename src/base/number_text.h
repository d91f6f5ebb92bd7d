// Numbers as people read them.
//
//   with_separators(1234567)   // "1,234,567"
//   human_bytes(1536)          // "1.5 KiB"
#pragma once

#include <cstdint>
#include <string>

namespace gshard {

// "1,234,567".
std::string with_separators(int64_t value);
// "1.5 KiB", "3.25 GiB".
std::string human_bytes(double bytes);
// "1.2 ms", "35 us".
std::string human_seconds(double seconds);
// "12.3 G", with the letters of powers of 1000.
std::string human_count(double value);

// "4:02", "1:30:05": minutes and seconds, and hours where there are any.
std::string clock_text(double seconds);

}  // namespace gshard
