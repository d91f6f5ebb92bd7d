# The two commands of the README, and the steps they are made of. Each does all its set-up on a fresh Debian 12.
JOBS ?= $(shell nproc)
PRESET ?= release

.PHONY: demo test build deps test-long test-trials test-asan test-tsan fuzz bench format install clean

demo: build
	scripts/demo.sh

test: build
	ctest --test-dir build --output-on-failure -j $(JOBS)

build: deps
	cmake --preset $(PRESET) >/dev/null
	cmake --build --preset $(PRESET) -j $(JOBS)

deps:
	scripts/deps.sh

# The long form: thousands of random programs and annotations, the sanitizers, and a minute of fuzzing as well.
test-long: test test-trials test-asan test-tsan fuzz

test-trials: build
	GSHARD_TRIALS=200 ctest --test-dir build --output-on-failure -j $(JOBS) -R '^shard/'

test-asan: deps
	cmake --preset asan >/dev/null
	cmake --build --preset asan -j $(JOBS)
	ctest --preset asan -j $(JOBS)

test-tsan: deps
	cmake --preset tsan >/dev/null
	cmake --build --preset tsan -j $(JOBS)
	ctest --preset tsan -j $(JOBS)

fuzz: deps
	scripts/fuzz.sh

bench: deps
	cmake --preset bench >/dev/null
	cmake --build --preset bench -j $(JOBS)
	build-bench/gshard_bench

format:
	git ls-files '*.h' '*.cc' | xargs clang-format -i

install: build
	cmake --install build

clean:
	rm -rf build build-*
