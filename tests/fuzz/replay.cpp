// Runs a libFuzzer target without libFuzzer: seed files first, then mutations of them, the same series every
// time.
//
//   fuzz_NAME SECONDS [SEED_FOLDER]
//
// The series stops at kInputs inputs or after SECONDS, whichever comes first: the time only bounds a slow
// host.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr int kInputs = 20000;

std::vector<Bytes> load_seeds(const char* folder) {
  std::vector<std::filesystem::path> files;
  if (folder && std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Bytes> seeds{{}};
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

void mutate(Bytes& bytes, std::mt19937& random) {
  static constexpr std::uint8_t kInteresting[] = {0, 1, 0x7F, 0x80, 0xFF};
  for (int n = 1 + static_cast<int>(random() % 8); n > 0; --n) {
    if (bytes.empty() || random() % 8 == 0) bytes.resize(bytes.size() + random() % 64);
    if (bytes.empty()) continue;
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0: bytes[at] = static_cast<std::uint8_t>(random()); break;
      case 1: bytes[at] ^= static_cast<std::uint8_t>(1u << (random() % 8)); break;
      case 2: bytes[at] = kInteresting[random() % std::size(kInteresting)]; break;
      case 3: bytes.resize(at); break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto limit = std::chrono::seconds(argc > 1 ? std::atoi(argv[1]) : 10);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Bytes> seeds = load_seeds(argc > 2 ? argv[2] : nullptr);
  std::mt19937 random(1);
  int done = 0;
  for (const Bytes& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  for (; done < kInputs && std::chrono::steady_clock::now() - start < limit; ++done) {
    Bytes input = seeds[random() % seeds.size()];
    mutate(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu seeds and %d mutations\n", seeds.size(), done);
}
