#include "train/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>

#include "scratch_folder.h"

namespace gshard {
namespace {

// A message of protocol buffers: by field the numbers as they are encoded, or bytes.
struct Message {
  std::multimap<uint64_t, uint64_t> numbers;
  std::multimap<uint64_t, std::string> bytes;

  explicit Message(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const uint64_t key = varint(text, at);
      const uint64_t field = key >> 3;
      switch (key & 7) {
        case 0:
          numbers.emplace(field, varint(text, at));
          break;
        case 1:
          numbers.emplace(field, fixed(text, at, 8));
          break;
        case 5:
          numbers.emplace(field, fixed(text, at, 4));
          break;
        default: {
          const uint64_t size = varint(text, at);
          bytes.emplace(field, std::string(text.substr(at, size)));
          at += size;
        }
      }
    }
  }
  Message part(uint64_t field) const { return Message(bytes.find(field)->second); }

  static uint64_t fixed(std::string_view text, size_t& at, size_t size) {
    uint64_t value = 0;
    std::memcpy(&value, text.substr(at, size).data(), size);
    at += size;
    return value;
  }
  static uint64_t varint(std::string_view text, size_t& at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(text.at(at++));
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
  }
};

uint32_t unmasked(uint64_t masked) {
  const auto rotated = static_cast<uint32_t>(masked) - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

// The events of a file, whose checksums are right.
std::vector<Message> events_of(const std::string& file) {
  std::vector<Message> events;
  for (size_t at = 0; at < file.size();) {
    const std::string_view length_bytes = std::string_view(file).substr(at, 8);
    const uint64_t length = Message::fixed(file, at, 8);
    EXPECT_EQ(unmasked(Message::fixed(file, at, 4)), crc32c(length_bytes));
    const std::string_view event = std::string_view(file).substr(at, length);
    at += length;
    EXPECT_EQ(unmasked(Message::fixed(file, at, 4)), crc32c(event));
    events.emplace_back(event);
  }
  return events;
}

std::string name_of(const std::string& path) { return std::filesystem::path(path).filename().string(); }

TEST(Crc32c, IsTheCastagnoliOne) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
}

TEST(EventFile, HoldsNumbersByNameAndStep) {
  ScratchFolder folder;
  EventFile events(folder.path(""), 0);
  events.add(300, "train/loss", 5.25);
  events.add(301, "train/loss", std::numeric_limits<double>::quiet_NaN());
  events.flush();
  EXPECT_THAT(events.path(), testing::HasSubstr("events.out.tfevents."));
  const std::vector<Message> read = events_of(folder.read(name_of(events.path())));
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[0].bytes.find(3)->second, "brain.Event:2");
  EXPECT_EQ(read[2].numbers.find(2)->second, 300u);
  const Message value = read[2].part(5).part(1);
  EXPECT_EQ(value.bytes.find(1)->second, "train/loss");
  const auto bits = static_cast<uint32_t>(value.numbers.find(2)->second);
  float number = 0;
  std::memcpy(&number, &bits, sizeof(number));
  EXPECT_EQ(number, 5.25f);
}

TEST(EventFile, OfAResumedRunTakesBackWhatComesAfter) {
  ScratchFolder folder;
  const EventFile events(folder.path(""), 40);
  const std::vector<Message> read = events_of(folder.read(name_of(events.path())));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].numbers.find(2)->second, 41u);
  EXPECT_EQ(read[1].part(7).numbers.find(1)->second, 1u);
}

}  // namespace
}  // namespace gshard
