// SHA-256 against the examples of the standard.
#include "corpus/sha256.h"

#include <gtest/gtest.h>

#include "scratch_folder.h"

namespace gshard {
namespace {

std::string hash_of(const std::string& text) {
  Sha256 hash;
  hash.add(text);
  return to_hex(hash.digest());
}

TEST(Sha256, GivesTheExamplesOfTheStandard) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PartsAreOneText) {
  for (size_t size = 0; size < 200; ++size) {
    const std::string text(size, 'x');
    Sha256 hash;
    hash.add(text.substr(0, size / 3));
    hash.add(text.substr(size / 3));
    EXPECT_EQ(to_hex(hash.digest()), hash_of(text));
  }
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const ScratchFolder folder;
  const std::string text(3'000'000, 'b');
  EXPECT_EQ(to_hex(sha256_of_file(folder.write("file", text))), hash_of(text));
}

}  // namespace
}  // namespace gshard
