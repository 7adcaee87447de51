// Symbols, and lists that hold shapes.
#include "graph/dims.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace motley::graph {
namespace {

TEST(Symbol, equal_texts_are_one_symbol) {
  const std::string text = "batch";
  EXPECT_EQ(Symbol(text), Symbol(std::string_view("batches").substr(0, 5)));
  EXPECT_EQ(&Symbol(text).text(), &Symbol(std::string("batch")).text());
  EXPECT_FALSE(Symbol(text) == Symbol(std::string("step")));
  EXPECT_TRUE(Symbol(std::string()).empty());
  EXPECT_EQ(Symbol().text(), "");
}

TEST(Symbol, dimensions_are_equal_by_number_or_name) {
  EXPECT_EQ(Dim(3), Dim(3));
  EXPECT_EQ(Dim("n"), Dim(std::string("n")));
  EXPECT_FALSE(Dim() == Dim());  // two unknowns may differ
  EXPECT_FALSE(Dim("n") == Dim("m"));
  EXPECT_FALSE(Dim("n") == Dim(3));
}

TEST(ShortList, is_a_vector_within_its_capacity) {
  Extents list{1, 2, 3};
  list.push_back(list.front());
  EXPECT_EQ(list, (Extents{1, 2, 3, 1}));
  list.insert(list.begin() + 1, list.back());
  EXPECT_EQ(list, (std::vector<int64_t>{1, 1, 2, 3, 1}));
  EXPECT_EQ(*list.erase(list.begin() + 2), 3);
  EXPECT_EQ(list, (Extents{1, 1, 3, 1}));
  list.erase(list.begin(), list.begin() + 2);
  EXPECT_EQ(list, (Extents{3, 1}));
  list.resize(4, 7);
  EXPECT_EQ(list, (Extents{3, 1, 7, 7}));
  const Extents other{5, 6};
  list.insert(list.end(), other.begin(), other.end());
  list.insert(list.begin(), other.begin(), other.begin());
  EXPECT_EQ(std::vector<int64_t>(list), (std::vector<int64_t>{3, 1, 7, 7, 5, 6}));
  EXPECT_EQ(list.at(5), 6);
  EXPECT_THROW(list.at(6), std::out_of_range);
}

TEST(ShortList, growing_past_the_capacity_is_an_error) {
  Dims dims(8, Dim(1));
  EXPECT_THROW(dims.push_back(Dim(1)), std::length_error);
  EXPECT_THROW(dims.resize(9), std::length_error);
  EXPECT_THROW(dims.insert(dims.begin(), Dim(2)), std::length_error);
  EXPECT_THROW(Dims(9, Dim(1)), std::length_error);
  EXPECT_THROW(Dims(std::vector<Dim>(9)), std::length_error);
  EXPECT_EQ(dims, Dims(8, Dim(1)));
}

}  // namespace
}  // namespace motley::graph
