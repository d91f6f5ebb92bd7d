// The word that somebody meant who typed another one.
//
//   nearest_word("sise", {"size", "seed"})      // "size"
//   nearest_word("qqq", {"size", "seed"})       // nothing
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gshard {

// Letters to insert, remove, replace or exchange with their neighbour on the way from a to b.
size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of the candidates (the first of equally near ones), if the word has few wrong letters or is a part of it.
// Of the word no more than 64 letters are looked at.
std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace gshard
