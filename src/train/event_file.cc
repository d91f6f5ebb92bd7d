#include "train/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace gshard {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[byte] = crc;
  }
  return table;
}

// TFRecord masks checksums, so that those of data that hold checksums are no weaker.
uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class Number>
std::string little_endian(Number value) {
  std::string bytes(sizeof(value), '\0');
  for (size_t i = 0; i < sizeof(value); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

// ---- protocol buffers: a key of the field's number and how its value is written, then the value

enum class Wire : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  bytes += static_cast<char>(value);
  return bytes;
}

std::string key(uint32_t field, Wire wire) { return varint(uint64_t{field} << 3 | static_cast<uint8_t>(wire)); }
std::string integer_field(uint32_t field, int64_t value) {
  return key(field, Wire::varint) + varint(static_cast<uint64_t>(value));
}
std::string double_field(uint32_t field, double value) {
  return key(field, Wire::fixed64) + little_endian(std::bit_cast<uint64_t>(value));
}
std::string float_field(uint32_t field, float value) {
  return key(field, Wire::fixed32) + little_endian(std::bit_cast<uint32_t>(value));
}
std::string bytes_field(uint32_t field, std::string_view value) {
  return key(field, Wire::bytes) + varint(value.size()) + std::string(value);
}

// ---- the messages, with the fields' numbers of tensorflow/core: event.proto, summary.proto, tensor.proto

std::string event(int64_t step, const std::string& what) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return double_field(1, now.count()) + integer_field(2, step) + what;
}

std::string summary(std::string_view name, const std::string& value) {
  return bytes_field(5, bytes_field(1, bytes_field(1, name) + value));
}

// A tensor of one string, which the plugin for texts shows.
std::string text_value(std::string_view text) {
  constexpr int64_t kString = 7;
  const std::string plugin = bytes_field(1, bytes_field(1, "text"));
  return bytes_field(8, integer_field(1, kString) + bytes_field(2, "") + bytes_field(8, text)) + bytes_field(9, plugin);
}

// That what other files say of this step and later ones is to be forgotten: a SessionLog with status START.
std::string restart() { return bytes_field(7, integer_field(1, 1)); }

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

EventFile::EventFile(const std::string& folder, int64_t after) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  path_ = fmt::format("{}/events.out.tfevents.{}.gshard.{}", folder,
                      std::chrono::duration_cast<std::chrono::seconds>(now).count(), ::getpid());
  file_ = std::fopen(path_.c_str(), "ae");
  if (file_ == nullptr) throw Error::program(fmt::format("{}: cannot create it: {}", path_, std::strerror(errno)));
  write(event(0, bytes_field(3, "brain.Event:2")));
  write(event(after + 1, restart()));
  flush();
}

EventFile::~EventFile() { std::fclose(file_); }

void EventFile::add(int64_t step, std::string_view name, double value) {
  if (std::isfinite(value)) write(event(step, summary(name, float_field(2, static_cast<float>(value)))));
}

void EventFile::add_text(int64_t step, std::string_view name, std::string_view text) {
  write(event(step, summary(name, text_value(text))));
}

void EventFile::flush() {
  if (std::fflush(file_) != 0)
    throw Error::program(fmt::format("{}: cannot write it: {}", path_, std::strerror(errno)));
}

void EventFile::write(const std::string& event) {
  const std::string length = little_endian(uint64_t{event.size()});
  const std::string record = length + little_endian(masked_crc(length)) + event + little_endian(masked_crc(event));
  if (std::fwrite(record.data(), 1, record.size(), file_) == record.size()) return;
  throw Error::program(fmt::format("{}: cannot write it: {}", path_, std::strerror(errno)));
}

}  // namespace gshard
