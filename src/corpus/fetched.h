// A corpus made of what scripts/fetch_corpus.py took out of Debian's packages, and its manifest.
//
// The manifest (manifest.json) says where every row is from: package, version, hash, licence, rows kept and dropped,
// and the held-out sentences by their hashes. Packages change; with the manifest of an earlier corpus one sees which of
// its rows can no longer be had.
#pragma once

#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/import.h"

namespace gshard {

struct FetchedPackage {
  std::string package;
  std::string version;
  std::string sha256;
  std::string licence;
  std::string source;    // "lo", "ddtp", ...
  int64_t rows = 0;      // that the script found
  int64_t left_out = 0;  // that were not translated, or whose placeholders differ
};

// What the script wrote to WORK/packages.json. Throws Error(program) where it is damaged.
std::vector<FetchedPackage> read_packages(const std::string& work);

// Imports WORK/raw/PACKAGE.tsv of each. Prose is held out by whole documents (packages, pages, campaigns), strings of
// interfaces one by one.
ImportPlan import_plan_of(const std::string& work, const std::vector<FetchedPackage>& packages,
                          const std::string& folder);

// Writes FOLDER/manifest.json. The summary's files belong to the packages one by one.
void write_manifest(const std::string& folder, const std::vector<FetchedPackage>& packages,
                    const CorpusSummary& summary);

struct PackageChange {
  std::string package;
  std::string version_then;
  std::string version_now;  // empty: it was not fetched
  int64_t rows_then = 0;    // kept
  int64_t rows_now = 0;
};
struct HeldOutChange {
  Part part = Part::test;
  int64_t sentences_then = 0;
  int64_t sentences_lost = 0;
  int64_t rows_then = 0;
  int64_t rows_lost = 0;
};
struct ManifestChanges {
  std::vector<PackageChange> packages;  // all of the earlier manifest
  std::vector<HeldOutChange> held_out;  // dev and test
};

// What an earlier manifest has and the manifest of `folder` has not. Throws Error(program) for a file that is none.
ManifestChanges compare_manifests(const std::string& earlier, const std::string& folder);

}  // namespace gshard
