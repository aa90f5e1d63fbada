# lastknock's front door: a few words to remember.  The build itself is meson.build.
BUILD = build
PREFIX ?= /usr/local

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	scripts/setup build
	meson setup $(BUILD) --prefix $(PREFIX)

# The story: a real mail server in a sandbox, an attacker, an honest user, and the guard.
run:
	scripts/run

test:
	tests/run

bench: all
	tests/bench/run

# Hours of it, with memory and descriptors watched.
soak: all
	tests/bench/soak

install: all
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-ci

.PHONY: all run test bench soak install clean
