# The commands for working on the template. `just` alone lists them.

# The newest version of PostgreSQL that the oldest supported Atlas works with.
export POSTGRES_MAJOR := env("POSTGRES_MAJOR", "15")

[private]
default:
    @just --list --unsorted

# Render the template into ./demo and do the main job there
demo:
    @cargo run --manifest-path tests/Cargo.toml --bin demo

# Test the template: as it stands, then rendered
test: tools
    cargo test --manifest-path template/Cargo.toml --workspace
    cargo test --manifest-path tests/Cargo.toml

# Run what `just test` leaves out: repetitions, load, all combinations
soak: tools
    @cargo run --quiet --manifest-path tests/Cargo.toml --bin soak

# Install what the tests need: cargo-generate, Atlas, the tools for deployment
tools:
    @cargo run --quiet --manifest-path tests/Cargo.toml --bin tools

# Check the format, and lint
lint:
    cd template && just check-format
    cargo fmt --manifest-path tests/Cargo.toml --check
    cargo clippy --manifest-path template/Cargo.toml --workspace --all-targets --all-features -- -D warnings
    cargo clippy --manifest-path tests/Cargo.toml --all-targets -- -D warnings

# Print the lines of code of a rendered repository
size:
    @cargo run --quiet --manifest-path tests/Cargo.toml --bin size

# Measure, and write target/bench.json
bench:
    @cargo run --quiet --manifest-path tests/Cargo.toml --bin bench
